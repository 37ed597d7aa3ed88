// Logins: who asks, by API token or by ticket.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "tests/pve-sim/answer.h"
#include "tests/pve-sim/contract.h"
#include "tests/pve-sim/faults.h"
#include "tests/pve-sim/place.h"
#include "tests/pve-sim/secrets.h"
#include "tests/pve-sim/users.h"

namespace drover::pve_sim {

struct Caller {
  std::string user;  ///< "USER@REALM" or with "!TOKEN"; "" for nobody
  bool by_token = false;
  std::string refusal{};  ///< why nobody
};

/// Thread-safe.
class Logins {
 public:
  Logins(const Place& place, Secrets secrets, const Users& users)
      : place_(place), secrets_(std::move(secrets)), users_(users), faults_(place) {}

  /// By the three headers, "" for one that is not there. Only who `reads` needs no CSRF token with
  /// a ticket.
  Caller caller(std::string_view authorization, std::string_view cookie, std::string_view csrf,
                bool reads);
  /// POST /access/ticket.
  Answer log_in(const Form& form);

 private:
  const Place& place_;
  const Secrets secrets_;
  const Users& users_;
  const Contract contract_;
  Faults faults_;
  std::mutex mutex_;
  std::map<std::string, std::string, std::less<>> tickets_;  // with their CSRF tokens
};

}  // namespace drover::pve_sim
