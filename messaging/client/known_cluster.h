// KnownCluster: a cluster by a name of the user's own, in the same file as nodes (known_nodes.h).
//
//   {"key": "/etc/drover/client.key",
//    "clusters": {"prod": {"dispatchers": [{"address": "tcp://10.0.0.9:7130", "server_key": "..."},
//                                          {"address": "tcp://10.0.0.8:7130", "server_key":
//                                          "..."}],
//                          "key": "/etc/drover/prod.key"}}}
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/core/fields.h"
#include "messaging/client/endpoint.h"

namespace drover::messaging {

class KnownNodes;

struct KnownDispatcher {
  TcpAddress address;
  PublicKey server_key;
};

struct KnownCluster {
  std::vector<KnownDispatcher> dispatchers;
  system::Path key;  ///< file of the own key; "" when none is named for it
};

/// One of "clusters"; none, with its faults added, when it is not accepted.
std::optional<KnownCluster> read_known_cluster(const json::Value& value, std::string at,
                                               Faults& faults, const system::Path& folder);

/// What somebody said about the cluster to use.
struct ClusterChoice {
  /// Of a known cluster. "" for the only one that is known, or else this machine's own dispatcher.
  std::string name{};
  /// "tcp://HOST[:PORT]" or an absolute path, the folder of a dispatcher's sockets, in place of it.
  std::vector<std::string> dispatchers{};
  /// Their public keys in the same order; one alone is that of all.
  std::vector<std::string> server_keys{};
  system::Path key{};  ///< file of the own key; "" for the one that is configured
};

/// The endpoint with its keys read. `not_found` for a name that is not known, `invalid` when
/// something is missing.
Result<ClusterEndpoint> endpoint_of(const ClusterChoice& choice, const KnownNodes& known);

}  // namespace drover::messaging
