#include "tests/pve-sim/answer.h"

#include <fmt/format.h>

#include <utility>

namespace drover::pve_sim {

Answer with_data(json::Value value) {
  return {200, "OK", json::Object{{"data", std::move(value)}}};
}

Answer data_of(json::Array list, std::int64_t total) {
  return {200, "OK", json::Object{{"data", std::move(list)}, {"total", total}}};
}

Answer with_text(std::string text) {
  return {200, "OK", nullptr, std::move(text)};
}

Answer error(std::string message, int status) {
  std::string reason = message.substr(0, message.find('\n'));
  // The text for an unknown method is the only one without a newline at its end.
  if (status != 501 && (message.empty() || message.back() != '\n')) {
    message += '\n';
  }
  return {status, std::move(reason),
          json::Object{{"data", nullptr}, {"message", std::move(message)}}};
}

Answer bad_parameters(const std::map<std::string, std::string>& errors) {
  json::Object texts;
  for (const auto& [name, text] : errors) {
    texts.set(name, text);
  }
  return {400, "Parameter verification failed.",
          json::Object{{"data", nullptr},
                       {"message", "Parameter verification failed.\n"},
                       {"errors", std::move(texts)}}};
}

Answer unauthorized(std::string reason) {
  return {401, std::move(reason), nullptr};
}

Answer not_implemented(const std::string& method, const std::vector<std::string>& parts) {
  std::string path_text;
  for (const std::string& part : parts) {
    path_text += "/" + part;
  }
  return error(fmt::format("Method '{} {}' not implemented", method, path_text), 501);
}

}  // namespace drover::pve_sim
