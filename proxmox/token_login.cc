#include <algorithm>
#include <utility>

#include "agent/system/file.h"
#include "proxmox/login.h"

namespace drover::proxmox {
namespace {

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

class TokenLogin : public Login {
 public:
  explicit TokenLogin(const std::string& token)
      : user_(token.substr(0, token.find('='))), headers_{"Authorization: PVEAPIToken=" + token} {}

  const std::string& user() const override { return user_; }
  Result<std::vector<std::string>> headers(Transport&, std::string_view, const Stop&) override {
    return headers_;
  }
  bool forget(const std::vector<std::string>&) override { return false; }

 private:
  const std::string user_;
  const std::vector<std::string> headers_;
};

}  // namespace

Result<std::unique_ptr<Login>> make_token_login(const std::filesystem::path& token_file) {
  const std::string token = TRY(system::read_secret(token_file).context("read proxmox.token_file"));
  if (!is_token(token)) {
    return fail(Code::invalid, "{} does not hold an API token of the form USER@REALM!ID=UUID",
                token_file.native());
  }
  return std::unique_ptr<Login>(std::make_unique<TokenLogin>(token));
}

Result<std::unique_ptr<Login>> make_login(const Endpoint& endpoint, system::Clock& clock) {
  return endpoint.token_file.empty()
             ? make_ticket_login(endpoint.user, endpoint.password_file, clock)
             : make_token_login(endpoint.token_file);
}

}  // namespace drover::proxmox
