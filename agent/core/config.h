// Config: what the node's admin decided, read once and never changed.
//
// The file is JSON with comments. Every member has a default, so {} is a whole configuration. All
// faults are reported at once, each with its line and JSON pointer. A section is a file of the
// folder config/.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "agent/core/config/bus.h"
#include "agent/core/config/container.h"
#include "agent/core/config/dispatch.h"
#include "agent/core/config/etcd.h"
#include "agent/core/config/images.h"
#include "agent/core/config/journal.h"
#include "agent/core/config/labels.h"
#include "agent/core/config/log.h"
#include "agent/core/config/network.h"
#include "agent/core/config/policy.h"
#include "agent/core/config/proxmox.h"
#include "agent/core/config/reconcile.h"
#include "agent/core/config/runtime.h"
#include "agent/core/config/storage.h"
#include "agent/core/container_spec.h"

namespace drover {

using std::filesystem::path;

/// Which runtime a name gets, and why.
struct RoutingChoice {
  RuntimeKind kind = RuntimeKind::crun;
  std::optional<std::size_t> rule;  ///< index into RuntimeConfig::rules; none: the default
};

struct Config {
  std::string node;                           ///< "" for the host's name
  std::map<std::string, std::string> labels;  ///< by which dispatchers find it
  RuntimeConfig runtime;
  ProxmoxConfig proxmox;
  StorageConfig storage;
  NetworkConfig network;
  ContainerConfig container;
  ImagesConfig images;
  PolicyConfig policy;
  BusConfig bus;
  DispatchConfig dispatch;
  JournalConfig journal;
  LogConfig log;
  ReconcileConfig reconcile;
  EtcdConfig etcd;

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
