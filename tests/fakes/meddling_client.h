// MeddlingClient: an API between whose requests, or over whose answers, something happens.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proxmox/client.h"

namespace drover::fakes {

class MeddlingClient : public proxmox::Client {
 public:
  explicit MeddlingClient(proxmox::Client& inner) : inner_(inner) {}

  /// Called with "METHOD /path".
  std::function<void(const std::string& line)> before = [](const std::string&) {};
  /// Called once the API has done it; what it returns becomes of the answer.
  std::function<std::optional<Error>(const std::string& line)> after =
      [](const std::string&) -> std::optional<Error> { return std::nullopt; };
  std::vector<std::string> lines;  ///< what was asked

  Result<json::Value> get(const std::string& path, const proxmox::Form& query,
                          const system::Stop& stop) override {
    return meddle("GET " + path, stop, [&] { return inner_.get(path, query, never_); });
  }
  Result<json::Object> get_whole(const std::string& path, const proxmox::Form& query,
                                 const system::Stop& stop) override {
    return meddle("GET " + path, stop, [&] { return inner_.get_whole(path, query, never_); });
  }
  Result<json::Value> post(const std::string& path, const proxmox::Form& form,
                           const system::Stop& stop) override {
    return meddle("POST " + path, stop, [&] { return inner_.post(path, form, never_); });
  }
  Result<json::Value> put(const std::string& path, const proxmox::Form& form,
                          const system::Stop& stop) override {
    return meddle("PUT " + path, stop, [&] { return inner_.put(path, form, never_); });
  }
  Result<json::Value> del(const std::string& path, const proxmox::Form& query,
                          const system::Stop& stop) override {
    return meddle("DELETE " + path, stop, [&] { return inner_.del(path, query, never_); });
  }
  Result<json::Value> upload(const std::string& path, const proxmox::Form& form,
                             const proxmox::FilePart& file, const system::Stop& stop) override {
    return inner_.upload(path, form, file, stop);
  }
  const std::string& node() const override { return inner_.node(); }
  const std::string& user() const override { return inner_.user(); }

 private:
  /// A stop that comes while the API is at it loses the answer, as in the real client.
  template <class Send>
  auto meddle(const std::string& line, const system::Stop& stop, const Send& send)
      -> decltype(send()) {
    TRY(stop.check(line));
    lines.push_back(line);
    before(line);
    auto answer = send();
    if (std::optional<Error> error = after(line)) {
      return Failure(std::move(*error));
    }
    TRY(stop.check(line));
    return answer;
  }

  proxmox::Client& inner_;
  const system::Stop never_;
};

}  // namespace drover::fakes
