// NodeEndpoint: where a node's sockets are, and what is needed to use them; ClusterEndpoint: the
// same of a cluster's dispatchers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "agent/core/curve_key.h"
#include "agent/core/result.h"
#include "agent/system/file.h"

namespace drover::messaging {

/// The port of jobs.sock; the node's other sockets have those behind it.
inline constexpr std::uint16_t kDefaultPort = 7117;

/// Of a dispatcher: the port of its agents; clients have the one behind it, and events the next.
inline constexpr std::uint16_t kDispatcherPort = 7130;
/// The folder of the sockets of this machine's dispatcher.
inline constexpr const char* kDispatcherFolder = "/run/drover-dispatch/bus";

/// Where a node or a dispatcher serves over tcp.
struct TcpAddress {
  std::string host;  ///< a name, an IPv4 address, or an IPv6 address without brackets
  std::uint16_t port = kDefaultPort;

  /// "tcp://HOST[:PORT]", an IPv6 address in brackets. `invalid` for anything else.
  static Result<TcpAddress> parse(std::string_view text, std::uint16_t usual_port = kDefaultPort);
  /// The same with the port.
  std::string text() const;
  bool operator==(const TcpAddress&) const = default;
};

/// A node over tcp. Both sides know each other's public key before (CURVE, ZeroMQ RFC 26): the node
/// is the one whose key this is, and it lets in whose key it allows.
struct TcpEndpoint {
  TcpAddress address;
  PublicKey server_key;
  KeyPair own;
};

/// A value; may be copied, with the secret key in it.
class NodeEndpoint {
 public:
  /// The folder of the node's sockets on this machine, where no keys are needed.
  explicit NodeEndpoint(system::Path folder) : where_(std::move(folder)) {}
  explicit NodeEndpoint(TcpEndpoint tcp) : where_(std::move(tcp)) {}

  /// nullptr for the other kind.
  const system::Path* folder() const { return std::get_if<system::Path>(&where_); }
  const TcpEndpoint* tcp() const { return std::get_if<TcpEndpoint>(&where_); }
  /// "bus folder /run/drover/bus" or "node tcp://pve2:7117", for messages.
  std::string text() const;

 private:
  std::variant<system::Path, TcpEndpoint> where_;
};

/// The tcp port of the socket `name` ("query.sock") of a node whose first one is `first`.
std::uint16_t port_of(std::string_view name, std::uint16_t first);

/// A cluster, by its dispatchers (docs/dispatch.md), each with a folder or tcp as a node has. Any
/// of them will do: one is talked with at a time, the first one first, and the next when it falls
/// silent. There must be one at least.
struct ClusterEndpoint {
  std::vector<NodeEndpoint> dispatchers;
};

/// The same of a dispatcher, which has "clients.sock" and "events.sock".
std::uint16_t dispatcher_port_of(std::string_view name, std::uint16_t first);

}  // namespace drover::messaging
