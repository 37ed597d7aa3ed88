// Login: how requests show the API whose they are.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxmox/transport.h"

namespace drover::proxmox {

/// Thread-safe. What it knows is secret, and in no error.
class Login {
 public:
  virtual ~Login() = default;
  /// "USER@REALM!ID" or "USER@REALM".
  virtual const std::string& user() const = 0;
  /// What a request of this method bears, "Name: value" each. May have to ask the API for it.
  virtual Result<std::vector<std::string>> headers(Transport& transport, std::string_view method,
                                                   const Stop& stop) = 0;
  /// The API takes these headers no more. Whether the next ones will be others.
  virtual bool forget(const std::vector<std::string>& headers) = 0;
};

/// By the token of `endpoint`, or when it has none by its user's password. `clock` must outlive it.
Result<std::unique_ptr<Login>> make_login(const Endpoint& endpoint, system::Clock& clock);

/// "USER@REALM!ID=UUID" in the file.
Result<std::unique_ptr<Login>> make_token_login(const std::filesystem::path& token_file);
/// Of a user without a second factor. A ticket lives for two hours and is renewed before; a
/// password that was refused is not tried again for a minute.
Result<std::unique_ptr<Login>> make_ticket_login(const std::string& user,
                                                 const std::filesystem::path& password_file,
                                                 system::Clock& clock);

}  // namespace drover::proxmox
