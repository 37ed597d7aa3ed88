// EtcdConfig: the cluster of etcd that decides which node runs a singleton (docs/singletons.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "agent/core/fields.h"

namespace drover {

struct EtcdConfig {
  std::vector<std::string> endpoints;   ///< "https://HOST:PORT" of each member; none: no singletons
  std::filesystem::path ca;             ///< of the members' certificates; needed for https
  std::filesystem::path cert;           ///< ours, where members ask for one
  std::filesystem::path key;            ///< of that
  std::string user;                     ///< "" where etcd has no users
  std::filesystem::path password_file;  ///< root's alone
  std::string prefix = "/drover";       ///< of all keys; the same on all nodes
  std::int64_t ttl_s = 15;              ///< after which a node that is gone has lost its claims
  std::int64_t grace_s = 3;             ///< how long before that its singletons have ended
};

EtcdConfig read_etcd_section(const json::Value& value, std::string at, Faults& faults);

}  // namespace drover
