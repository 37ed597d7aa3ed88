// KnownNodes: nodes by names of the user's own, with their addresses and keys.
//
//   {"key": "/etc/drover/client.key",
//    "nodes": {"pve2": {"address": "tcp://10.0.0.2:7117", "server_key": "Yne@$w-vo<fVv...",
//                       "key": "/etc/drover/pve2.key"}}}
//
// `key` is the file of the client's own key, for all nodes that name no other. A path that does not
// begin with "/" is below the folder of the file it stands in.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "messaging/client/endpoint.h"
#include "messaging/client/known_cluster.h"

namespace drover::messaging {

struct KnownNode {
  TcpAddress address;
  PublicKey server_key;
  system::Path key;  ///< file of the own key; "" when none is named for it
};

/// A value.
class KnownNodes {
 public:
  /// Those of the files that exist, of which later ones override earlier ones. A file that others
  /// than its owner may write, or that is neither root's nor the caller's, is `refused`: who writes
  /// it says which node is the right one. `invalid` with every fault.
  static Result<KnownNodes> read(const std::vector<system::Path>& files);
  /// Of one text, as if it stood in `folder`.
  static Result<KnownNodes> parse(std::string_view text, const system::Path& folder);
  /// /etc/drover/client.json, and below the user's configuration folder drover/client.json.
  static std::vector<system::Path> usual_files();

  /// nullptr for a name that is not known.
  const KnownNode* find(std::string_view name) const;
  /// Of the own key, for nodes that are not known by name; "" for none.
  const system::Path& key() const { return key_; }
  /// "pve2, pve3", for messages.
  std::string names() const;

  /// The same of clusters; "" finds the only one.
  const KnownCluster* find_cluster(std::string_view name) const;
  std::size_t clusters() const { return clusters_.size(); }
  std::string cluster_names() const;

 private:
  system::Path key_;
  std::map<std::string, KnownNode, std::less<>> nodes_;
  std::map<std::string, KnownCluster, std::less<>> clusters_;
};

/// What somebody said about the node to use.
struct NodeChoice {
  std::string node;        ///< "tcp://HOST[:PORT]", or a known name
  std::string server_key;  ///< the node's public key; "" for the one it is known by
  system::Path key;        ///< file of the own key; "" for the one that is configured
};

/// The endpoint with its keys read. `not_found` for a name that is not known, `invalid` when
/// something is missing.
Result<NodeEndpoint> endpoint_of(const NodeChoice& choice, const KnownNodes& known);

}  // namespace drover::messaging
