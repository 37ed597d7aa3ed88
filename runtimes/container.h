// Container: what a runtime is told about one, once its storage and network are there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/core/container_spec.h"
#include "agent/core/container_status.h"
#include "agent/core/ids.h"
#include "runtimes/layout.h"

namespace drover::runtimes {

/// What an image says of the program inside (OCI image spec, config.json's "config").
struct ImageConfig {
  std::vector<std::string> entrypoint;
  std::vector<std::string> command;
  std::vector<std::string> env;  ///< "NAME=value"
  std::string cwd;
  std::string user;
  std::string stop_signal;
};

/// A folder or file of the host that stands at `target` inside.
struct BindMount {
  Path source;
  std::string target;
  bool read_only = false;
};

/// How many users, and groups, a container with users of its own has: from 0 to nobody and beyond.
inline constexpr std::uint32_t kUsersOfOne = 65536;

struct Container {
  ContainerName name;
  JobId job;  ///< the job that made it; stamped on everything that is made for it
  RuntimeKind runtime = RuntimeKind::runc;
  ContainerSpec spec;
  ImageConfig image;
  Path rootfs;                    ///< mounted and ready; "" for pve-lxc
  std::vector<BindMount> mounts;  ///< volumes, bind mounts and name files, mounted and ready
  Path netns;                     ///< "" for pve-lxc
  std::optional<Vmid> vmid;       ///< pve-lxc
  std::optional<Vmid> source{};   ///< the guest that it is made as a copy of (copy_source.h)
  std::uint32_t users = 0;   ///< the node's id of root inside, the first of kUsersOfOne; 0: root
  Path user_namespace{};     ///< where that is pinned; "" where `users` is 0
  Path lower{};              ///< below the overlay that is its root, as the journal's record has it
  std::string layers{};      ///< Layout::root_layers of that root, as the same has it
  std::int64_t attempt = 0;  ///< of the claim that a singleton runs for; 0: it has none
};

/// The runtime's live truth about a container.
struct State {
  Status status = Status::unknown;
  pid_t pid = 0;             ///< of its first process on the host; 0 when it has none
  std::optional<Exit> exit;  ///< when it is stopped
};

}  // namespace drover::runtimes
