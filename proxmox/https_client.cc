#include <algorithm>
#include <utility>

#include "agent/system/file.h"
#include "proxmox/client.h"
#include "proxmox/transport.h"

namespace drover::proxmox {
namespace {

std::string encode(const Form& form) {
  std::string text;
  for (const auto& [key, value] : form) {
    text += (text.empty() ? "" : "&") + path_segment(key) + "=" + path_segment(value);
  }
  return text;
}

class HttpsClient : public Client {
 public:
  HttpsClient(const Endpoint& endpoint, const std::string& token, std::optional<CertificatePin> pin)
      : base_(endpoint.url + "/api2/json"),
        node_(endpoint.node),
        user_(token.substr(0, token.find('='))),
        transport_(endpoint, "PVEAPIToken=" + token, std::move(pin)) {}

  Result<json::Value> get(const std::string& path, const Form& query, const Stop& stop) override {
    Result<json::Value> answer = call("GET", path, query, stop);
    if (!answer && answer.error().code == Code::unavailable) {
      // A kept connection may be closed by the server just now; reading twice harms nobody.
      return call("GET", path, query, stop);
    }
    return answer;
  }
  Result<json::Value> post(const std::string& path, const Form& form, const Stop& stop) override {
    return call("POST", path, form, stop);
  }
  Result<json::Value> put(const std::string& path, const Form& form, const Stop& stop) override {
    return call("PUT", path, form, stop);
  }
  Result<json::Value> del(const std::string& path, const Form& query, const Stop& stop) override {
    return call("DELETE", path, query, stop);
  }
  const std::string& node() const override { return node_; }
  const std::string& user() const override { return user_; }

 private:
  Result<json::Value> call(const std::string& method, const std::string& path, const Form& form,
                           const Stop& stop) {
    Request request{method, base_ + path, ""};
    if (method == "POST" || method == "PUT") {
      request.body = encode(form);
    } else if (!form.empty()) {
      request.url += "?" + encode(form);
    }
    const Answer answer = TRY(transport_.send(request, stop));
    return read_answer(answer, method + " " + path);
  }

  std::string base_;
  std::string node_;
  std::string user_;
  Transport transport_;
};

/// "USER@REALM!ID=UUID": anything else is told without showing it.
bool is_token(std::string_view text) {
  const std::size_t at = text.find('@');
  const std::size_t bang = text.find('!');
  const std::size_t equals = text.find('=');
  return at != std::string_view::npos && bang != std::string_view::npos &&
         equals != std::string_view::npos && 0 < at && at + 1 < bang && bang + 1 < equals &&
         equals + 1 < text.size() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

}  // namespace

std::string path_segment(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      encoded.push_back(c);
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return encoded;
}

Result<std::unique_ptr<Client>> make_https_client(const Endpoint& endpoint) {
  if (!endpoint.url.starts_with("https://") || endpoint.url.ends_with('/')) {
    return fail(Code::invalid, "proxmox.url \"{}\" is not of the form https://HOST:PORT",
                endpoint.url);
  }
  std::optional<CertificatePin> pin;
  if (!endpoint.fingerprint.empty()) {
    pin = TRY(CertificatePin::parse(endpoint.fingerprint).context("proxmox.fingerprint"));
  } else if (endpoint.ca_file.empty()) {
    return fail(Code::invalid,
                "neither proxmox.ca_file nor proxmox.fingerprint says which server to trust; on a "
                "Proxmox node the CA is /etc/pve/pve-root-ca.pem");
  }
  const std::string token =
      TRY(system::read_secret(endpoint.token_file).context("read proxmox.token_file"));
  if (!is_token(token)) {
    return fail(Code::invalid, "{} does not hold an API token of the form USER@REALM!ID=UUID",
                endpoint.token_file.native());
  }
  return std::unique_ptr<Client>(std::make_unique<HttpsClient>(endpoint, token, std::move(pin)));
}

}  // namespace drover::proxmox
