// Config: what the node's admin decided, read once and never changed.
//
// The file is JSON with comments. Every member has a default, so {} is a whole configuration. All
// faults are reported at once, each with its line and JSON pointer.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/container_spec.h"

namespace drover {

using std::filesystem::path;

/// Section "runtime": how containers are run, and which runtime a name gets.
struct RuntimeConfig {
  RuntimeKind default_kind = RuntimeKind::crun;
  struct Rule {
    std::string pattern;  ///< glob over the whole container name
    RuntimeKind kind = RuntimeKind::crun;
  };
  std::vector<Rule> rules;            ///< in order; the first whose pattern matches wins
  std::map<RuntimeKind, path> paths;  ///< set by the admin; others are looked for
  path conmon = "/usr/bin/conmon";
  bool systemd_cgroup = false;
  path seccomp_profile;  ///< "" for none
  path state_folder = "/var/lib/drover";
  path run_folder = "/run/drover";
  std::int64_t workers = 8;        ///< jobs at once
  std::string log_level = "info";  ///< debug, info, warning, error
};

/// Section "proxmox": absent for a node without Proxmox.
struct ProxmoxConfig {
  bool enabled = false;  ///< true when the section stands in the file
  std::string url = "https://127.0.0.1:8006";
  std::string fingerprint;
  struct Server {
    std::string url;
    std::string fingerprint;
  };
  std::vector<Server> others;  ///< asked while the one at `url` cannot be reached
  std::string node;
  path ca_file;
  path token_file;  ///< "" for a login by user and password_file
  std::string user;
  path password_file;
  std::int64_t timeout_s = 40;
  std::int64_t volume_owner = 999'000'000;  ///< VMID that volumes of runc, crun and lxc belong to
  std::int64_t first_vmid = 900'000;        ///< range for guests
  std::int64_t last_vmid = 909'999;
  path lxc_path = "/var/lib/lxc";
  path unit_folder = "/etc/systemd/system";  ///< of drop-ins that have guests' output kept
  path guest_folder = "/etc/pve/lxc";        ///< where Proxmox keeps its guests' configurations
};

/// Section "storage".
struct StorageConfig {
  std::string default_storage = "local-folder";  ///< or "local-image", or a storage of Proxmox
  std::string guest_storage = "local";           ///< root disks of pve-lxc
  std::int64_t guest_root_mib = 1024;
  /// Of Proxmox, that jobs may fetch templates to; empty: any.
  std::vector<std::string> template_storages;
};

/// Section "network".
struct NetworkConfig {
  std::string default_bridge;  ///< "" : containers get only a loopback interface
  std::vector<path> plugin_folders = {"/usr/lib/cni", "/opt/cni/bin"};
  struct Range {
    std::string bridge;
    std::string subnet;  ///< CIDR
    std::string first;
    std::string last;
    std::string gateway;
  };
  std::vector<Range> ranges;
};

/// Section "container": defaults and bounds of what jobs may ask.
struct ContainerConfig {
  std::string default_image;  ///< "" : a job must name one
  /// "oci:" layouts, roots and templates' files must lie below one of these; empty: anywhere.
  std::vector<path> image_folders;
  std::int64_t memory_mib = 0;  ///< default limit, 0 for none
  std::int64_t pids = 4096;
};

/// Section "bus".
struct BusConfig {
  path folder;  ///< "" for RUN/bus
  std::string front_user = "drover-front";
  path front_program;           ///< "" for the installed one
  path lxc_program;             ///< "" for the installed one
  path storage_program;         ///< "" for the installed one
  std::int64_t queue = 10'000;  ///< jobs waiting; beyond it the answer is busy
  std::int64_t queue_mib = 64;  ///< their requests' sizes together; beyond it the same
};

/// Section "journal": how long what has ended is remembered.
struct JournalConfig {
  std::int64_t dedupe_s = 604'800;       ///< ended jobs, and how old a new job's id may be
  std::int64_t keep_events_s = 604'800;  ///< events by age ...
  std::int64_t keep_events = 200'000;    ///< ... and by number
  std::int64_t reserve_mib = 64;         ///< of the disk, kept for the records of what runs
};

/// Section "log": what containers printed, after they were deleted.
struct LogConfig {
  std::int64_t keep_deleted_s = 86'400;  ///< 0: nothing is kept
  std::int64_t keep_deleted = 1000;      ///< containers, and ...
  std::int64_t keep_deleted_mib = 256;   ///< ... their logs together
  std::int64_t guest_mib = 16;           ///< of one guest of Proxmox, in two files
};

/// Section "reconcile": what the node has, held against what it should have.
struct ReconcileConfig {
  std::int64_t every_s = 60;
  std::int64_t grace_s = 600;  ///< from a leaked thing's first sight to its removal
  bool collect = true;         ///< false: leaks are told only
};

/// Which runtime a name gets, and why.
struct RoutingChoice {
  RuntimeKind kind = RuntimeKind::crun;
  std::optional<std::size_t> rule;  ///< index into RuntimeConfig::rules; none: the default
};

struct Config {
  std::string node;  ///< "" for the host's name
  RuntimeConfig runtime;
  ProxmoxConfig proxmox;
  StorageConfig storage;
  NetworkConfig network;
  ContainerConfig container;
  BusConfig bus;
  JournalConfig journal;
  LogConfig log;
  ReconcileConfig reconcile;

  /// The runtime for a container of this name: the first rule that matches, else the default.
  RoutingChoice container_type(std::string_view name) const;
  /// Whether any name gets this runtime, by a rule or by default.
  bool routes_to(RuntimeKind kind) const;

  /// Names the program of runc or crun; `invalid` for other runtimes. It must be an absolute path
  /// of a regular file that may be executed and that only root may change; otherwise nothing is
  /// changed.
  Result<> set_runtime_path(RuntimeKind kind, const path& program);
  /// The program that was set, else the first there is of the usual places. `not_found` lists them.
  Result<path> runtime_path(RuntimeKind kind) const;
};

/// The whole configuration, or every fault in `text` at once.
Result<Config> parse_config(std::string_view text);

}  // namespace drover
