// Upid: the name of a Proxmox task.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/core/result.h"

namespace drover::proxmox {

/// "UPID:NODE:PID:PSTART:STARTTIME:TYPE:ID:USER:", numbers in hexadecimal (PVE::UPID). It names the
/// worker's process: on the same node `pid` with `pstart` (proc(5), stat field 22) is exactly it.
struct Upid {
  std::string node;
  std::uint32_t pid = 0;
  std::uint64_t pstart = 0;
  std::uint64_t start_time = 0;  ///< seconds since 1970
  std::string type;              ///< "vzcreate", "imgdel", ...
  std::string id;                ///< often a VMID; may be empty
  std::string user;              ///< "root@pam" or "root@pam!token"

  static Result<Upid> parse(std::string_view text);
  std::string str() const;
  bool operator==(const Upid&) const = default;
};

}  // namespace drover::proxmox
