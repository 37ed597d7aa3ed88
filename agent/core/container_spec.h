// ContainerSpec: what a job says a container shall be, the same for all four runtimes.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/device_spec.h"
#include "agent/core/fields.h"
#include "agent/core/firewall_spec.h"
#include "agent/core/ids.h"
#include "agent/core/json.h"
#include "agent/core/log_policy.h"
#include "agent/core/mount_spec.h"
#include "agent/core/name_spec.h"
#include "agent/core/network_spec.h"
#include "agent/core/probe_spec.h"
#include "agent/core/process_limits.h"
#include "agent/core/resources.h"
#include "agent/core/restart_policy.h"
#include "agent/core/result.h"
#include "agent/core/runtime_kind.h"
#include "agent/core/secret_spec.h"
#include "agent/core/security_spec.h"
#include "agent/core/signal_name.h"
#include "agent/core/volume_spec.h"

namespace drover {

/// "singleton": true: the claim is called as the container is. No other claim can be called so.
inline constexpr std::string_view kOwnClaim = "*";

struct ContainerSpec {
  std::optional<RuntimeKind> runtime;  ///< none: the node's routing rules decide by name
  /// As image_reference.h has it, or for pve-lxc "STORAGE:vztmpl/FILE", "STORAGE:backup/FILE" or
  /// "container:NAME[@SNAPSHOT]". "" when `rootfs` is given, or for the node's default image.
  std::string image;
  std::string rootfs;  ///< absolute path of a directory used read-only below an overlay
  /// Replaces the image's entrypoint and command; empty keeps them.
  std::vector<std::string> command;
  /// Behind `command`, or else behind the image's entrypoint in place of its command; empty keeps
  /// that.
  std::vector<std::string> args;
  std::map<std::string, std::string> env;
  std::string cwd;        ///< absolute; "" for the image's
  std::string user;       ///< "uid[:gid]" or a name in the image; "" for the image's
  std::string hostname;   ///< "" for the container's name
  bool input = false;     ///< "stdin": its program reads what clients send
  bool terminal = false;  ///< its program has one, on which it prints both streams
  std::vector<VolumeSpec> volumes;
  std::vector<MountSpec> mounts;
  std::vector<SecretSpec> secrets;
  std::optional<std::vector<NetworkSpec>>
      networks;  ///< none: the node's default; []: loopback only
  DnsSpec dns;
  std::vector<HostEntry> hosts;          ///< beside its own name
  std::optional<FirewallSpec> firewall;  ///< none: everything is let through
  Resources resources;
  ProcessLimits rlimits;
  std::map<std::string, std::string> sysctls;
  std::vector<DeviceSpec> devices;
  SecuritySpec security;
  int stop_signal = 0;  ///< 1 to 64; 0 for the image's, else SIGTERM
  std::chrono::seconds stop_grace{10};
  RestartPolicy restart;
  std::vector<ProbeSpec> probes;
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;
  LogPolicy log;
  std::string singleton;  ///< the claim it runs under, "" for none; its name's is kOwnClaim
  json::Object oci;       ///< a merge patch for the OCI configuration; empty for none
  bool operator==(const ContainerSpec&) const = default;
};

/// Reads a spec, adding every fault to `faults` with its pointer below `pointer`.
ContainerSpec read_container_spec(const json::Value& value, std::string pointer, Faults& faults);
/// The inverse; what has its default is left out.
json::Value to_json(const ContainerSpec& spec);

}  // namespace drover
