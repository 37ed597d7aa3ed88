// DiskCalls: the disks of Proxmox's guests, made larger.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/core/ids.h"
#include "proxmox/guests.h"
#include "proxmox/task.h"

namespace drover::proxmox {

/// The size of a disk as a guest's configuration has it: "local:101/vm-101-disk-0.raw,size=102M".
/// 0 when it says none.
std::uint64_t disk_bytes(std::string_view disk);

class DiskCalls {
 public:
  /// All must outlive this.
  DiskCalls(Client& client, Tasks& tasks, Guests& guests)
      : client_(client), tasks_(tasks), guests_(guests) {}

  /// Makes the disk `key` ("rootfs", "mp0") of a guest that runs or does not `size_mib` large, and
  /// its file system with it. One that is so already is success; `refused` when it is larger, which
  /// is looked up before. On `stop` it goes on: one that is broken off in its middle is not
  /// finished by asking again. When the answer is lost, its task is awaited, and the
  /// configuration tells what has come of it.
  Result<> grow(Vmid vmid, const std::string& key, std::uint64_t size_mib, const Stop& stop);
  /// Of a growth whose end nobody has seen: `broken` when the disk is that large, and the log of
  /// the guest's last growth says that its file system is not.
  Result<> check_grown(Vmid vmid, const std::string& key, std::uint64_t size_mib, const Stop& stop);

 private:
  /// Such a task ends well all the same.
  Result<> check_log(const Upid& upid, Vmid vmid, const std::string& key, std::uint64_t size_mib,
                     const Stop& stop);
  Result<std::uint64_t> bytes_now(Vmid vmid, const std::string& key, const Stop& stop);

  Client& client_;
  Tasks& tasks_;
  Guests& guests_;
};

}  // namespace drover::proxmox
