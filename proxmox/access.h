// Access: what our user may do.
#pragma once

#include <compare>
#include <string>
#include <vector>

#include "proxmox/client.h"

namespace drover::proxmox {

/// As an access control list has it: "Datastore.AllocateSpace" on "/storage/local".
struct Privilege {
  std::string path;
  std::string name;
  auto operator<=>(const Privilege&) const = default;
};

class Access {
 public:
  explicit Access(Client& client) : client_(client) {}

  /// Those of `needed` that the client's user does not have. Each user may ask that of itself.
  Result<std::vector<Privilege>> missing(const std::vector<Privilege>& needed, const Stop& stop);

 private:
  Client& client_;
};

/// What an admin enters on a node to give `user` ("USER@REALM" or with "!ID") all of `needed` where
/// it lacks some of it (`missing`): on each path a role with what is needed there, and no more. A
/// role that is there already keeps what it has.
std::vector<std::string> commands_to_grant(const std::vector<Privilege>& needed,
                                           const std::vector<Privilege>& missing,
                                           const std::string& user);

}  // namespace drover::proxmox
