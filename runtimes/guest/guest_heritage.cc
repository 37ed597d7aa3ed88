#include "runtimes/guest/guest_heritage.h"

#include <string_view>

namespace drover::runtimes {

bool runs_program(const json::Value& config) {
  constexpr std::string_view kInit = "/sbin/init";
  return config.at("entrypoint").string_or(kInit) != kInit;
}

std::string unwanted_keys(const json::Value& config, std::size_t nets) {
  std::string unwanted;
  if (const json::Object* keys = config.object()) {
    for (const auto& [key, value] : *keys) {
      constexpr std::string_view kNet = "net";
      const bool is_net =
          key.starts_with(kNet) &&
          json::Value(key.substr(kNet.size())).integer_or(-1) >= static_cast<std::int64_t>(nets);
      if (is_net || key == "protection") {
        unwanted += (unwanted.empty() ? "" : ",") + key;
      }
    }
  }
  return unwanted;
}

}  // namespace drover::runtimes
