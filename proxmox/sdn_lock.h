// SdnLock: the lock that Proxmox gives on the cluster's SDN configuration, which outlives whoever
// has asked for it: nothing but its token, or an admin, frees it again.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "agent/system/clock.h"
#include "proxmox/client.h"

namespace drover::proxmox {

/// The token is kept in a file of this node as long as the lock is had, so that an agent frees what
/// an earlier one has left. One call at a time: the caller sees to that.
class SdnLock {
 public:
  /// Both must outlive this. `kept` is the file.
  SdnLock(Client& client, system::Clock& clock, std::filesystem::path kept)
      : client_(client), clock_(clock), kept_(std::move(kept)) {}

  /// Takes it for `what`, and returns the token that each change has to show. `conflict` while
  /// changes wait to be applied, unless `beside_pending`; `unavailable`, saying how an admin frees
  /// it, while somebody else has it.
  Result<std::string> take(bool beside_pending, const std::string& what, const Stop& stop);
  /// Gives back the one that is had, or that an earlier agent of this node has left. None is
  /// success, and so is one that somebody has freed by force. A failure leaves it to the next call.
  Result<> release(const Stop& stop);
  /// Proxmox has given it back by itself, with the changes that it has applied.
  Result<> released();

 private:
  struct Kept {
    std::string token;  ///< "" when its answer never came
    std::int64_t asked_unix_ms = 0;
  };
  Result<Kept> read() const;
  Result<> write(const Kept& kept) const;

  Client& client_;
  system::Clock& clock_;
  std::filesystem::path kept_;
};

}  // namespace drover::proxmox
