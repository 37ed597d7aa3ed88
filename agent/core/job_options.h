// JobOptions: what a job may say besides its target.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/core/container_spec.h"
#include "agent/core/fields.h"
#include "agent/core/terminal_size.h"
#include "agent/core/verb.h"

namespace drover {

/// Which members a verb takes is checked when the request is read.
struct JobOptions {
  /// stop, restart, upgrade, migrate: seconds before SIGKILL; none: the container's own
  std::optional<std::int64_t> grace_s;
  int signal = 0;                                  ///< kill: 1 to 64
  bool force = false;                              ///< delete: also when it runs
  std::vector<std::string> command{};              ///< exec
  std::map<std::string, std::string> env{};        ///< exec: added to the container's own
  std::string cwd{};                               ///< exec: "" for the container's own
  std::string user{};                              ///< exec: "" for the container's own
  bool input = false;                              ///< exec, "stdin": reads what clients send it
  std::optional<TerminalSize> terminal{};          ///< exec: has one, of this size
  Resources resources{};                           ///< update: those that are 0 stay as they are
  std::map<std::string, std::uint64_t> volumes{};  ///< update: sizes in MiB, by name
  std::string image{};                             ///< upgrade: to this one; "" for none
  bool rollback = false;                           ///< upgrade: back to the former image
  bool forget = false;                             ///< upgrade: keeps the former image no more
  /// upgrade: seconds in which the new program has to show that it runs; none: by its probes
  std::optional<std::int64_t> watch_s{};
  bool leave_running = false;    ///< checkpoint
  bool tcp_established = false;  ///< checkpoint: with its open connections
  bool file_locks = false;       ///< checkpoint: with its locks on files
  std::string from{};            ///< image.pull of a template: where it is fetched
  std::string checksum{};        ///< image.pull of a template: "sha256:HEX", or ""
  std::string storage{};         ///< volume.create: "" for the node's default; container.backup;
                                 ///< container.migrate: there, "" for the same as here
  std::string to{};              ///< container.migrate: a node of the Proxmox cluster
  bool restart = false;          ///< container.migrate: also one that runs
  std::string mode{};            ///< container.backup: "snapshot", "suspend" or "stop"
  std::string compress{};        ///< container.backup: "zstd", "gzip", "lzo" or "none"
  std::uint64_t size_mib = 0;    ///< volume.create (0: a folder), volume.resize
  std::string snapshot{};        ///< its name: volume.snapshot, container.snapshot, .rollback and
                                 ///< .snapshot-delete
  std::string address{};         ///< network.ensure: the bridge's own, CIDR; "" for none
  bool vlan_aware = false;       ///< network.ensure
  std::string zone{};            ///< network.ensure: of Proxmox's SDN; "" for a bridge of the node
  std::int64_t tag = 0;          ///< network.ensure in a zone: VLAN or VNI; 0 for none
  bool snat = false;             ///< network.ensure in a zone
  bool stop_containers = false;  ///< node.drain
  std::vector<std::string> leaks{};  ///< node.collect: their names; none: all that wait for it
};

/// The members of "options" that `verb` takes; the others are unknown fields to it.
JobOptions read_job_options(Verb verb, const json::Value& value, std::string pointer,
                            Faults& faults);
/// The inverse; what has its default is left out.
json::Object to_json(const JobOptions& options);

}  // namespace drover
