#include <utility>

#include "agent/core/ascii.h"
#include "proxmox/client.h"
#include "proxmox/login.h"
#include "proxmox/transport.h"

namespace drover::proxmox {
namespace {

constexpr std::string_view kRoot = "/api2/json";

class HttpsClient : public Client {
 public:
  HttpsClient(std::string node, std::unique_ptr<Transport> transport, std::unique_ptr<Login> login)
      : node_(std::move(node)), transport_(std::move(transport)), login_(std::move(login)) {}

  Result<json::Value> get(const std::string& path, const Form& query, const Stop& stop) override {
    json::Object whole = TRY(get_whole(path, query, stop));
    return std::move(*whole.find("data"));
  }
  Result<json::Object> get_whole(const std::string& path, const Form& query,
                                 const Stop& stop) override {
    Result<json::Object> answer = call("GET", path, query, stop);
    if (!answer && answer.error().code == Code::unavailable) {
      // A kept connection may be closed by the server just now; reading twice harms nobody.
      return call("GET", path, query, stop);
    }
    return answer;
  }
  Result<json::Value> post(const std::string& path, const Form& form, const Stop& stop) override {
    return change("POST", path, form, stop);
  }
  Result<json::Value> put(const std::string& path, const Form& form, const Stop& stop) override {
    return change("PUT", path, form, stop);
  }
  Result<json::Value> del(const std::string& path, const Form& query, const Stop& stop) override {
    return change("DELETE", path, query, stop);
  }
  Result<json::Value> upload(const std::string& path, const Form& form, const FilePart& file,
                             const Stop& stop) override {
    Request request{.method = "POST", .target = std::string(kRoot) + path, .headers = {}};
    request.parts.emplace(Request::Parts{form, file});
    // Another server would have to copy it here by ssh.
    request.own_server_only = true;
    json::Object whole = TRY(send(request, path, stop));
    return std::move(*whole.find("data"));
  }
  const std::string& node() const override { return node_; }
  const std::string& user() const override { return login_->user(); }

 private:
  Result<json::Value> change(const std::string& method, const std::string& path, const Form& form,
                             const Stop& stop) {
    json::Object whole = TRY(call(method, path, form, stop));
    return std::move(*whole.find("data"));
  }

  Result<json::Object> call(const std::string& method, const std::string& path, const Form& form,
                            const Stop& stop) {
    Request request{.method = method,
                    .target = std::string(kRoot) + path,
                    .headers = {},
                    .repeatable = method == "GET"};
    if (method == "POST" || method == "PUT") {
      request.body = encode(form);
    } else if (!form.empty()) {
      request.target += "?" + encode(form);
    }
    return send(request, path, stop);
  }

  Result<json::Object> send(Request& request, const std::string& path, const Stop& stop) {
    request.headers = TRY(login_->headers(*transport_, request.method, stop));
    Answer answer = TRY(transport_->send(request, stop));
    if (answer.status == kUnauthorized && login_->forget(request.headers)) {
      // Nothing was done, so that it may be sent again, whatever it is.
      request.headers = TRY(login_->headers(*transport_, request.method, stop));
      answer = TRY(transport_->send(request, stop));
    }
    return read_whole(answer, request.method + " " + path);
  }

  const std::string node_;
  const std::unique_ptr<Transport> transport_;
  const std::unique_ptr<Login> login_;
};

}  // namespace

std::string path_segment(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const bool plain = is_alphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      encoded.push_back(c);
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return encoded;
}

std::string encode(const Form& form) {
  std::string text;
  for (const auto& [key, value] : form) {
    text += (text.empty() ? "" : "&") + path_segment(key) + "=" + path_segment(value);
  }
  return text;
}

Result<std::unique_ptr<Client>> make_https_client(const Endpoint& endpoint, system::Clock& clock) {
  std::unique_ptr<Transport> transport = TRY(Transport::make(endpoint, clock));
  std::unique_ptr<Login> login = TRY(make_login(endpoint, clock));
  return std::unique_ptr<Client>(
      std::make_unique<HttpsClient>(endpoint.node, std::move(transport), std::move(login)));
}

}  // namespace drover::proxmox
