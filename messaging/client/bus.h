// Bus: the endpoint of a node, or those of a cluster's dispatchers, and how sockets to it are made.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>
#include <zmq.hpp>

#include "agent/core/result.h"
#include "messaging/client/endpoint.h"

namespace drover::messaging {

/// How far a connection has come that is not there.
enum class Plight {
  nobody,        ///< nobody has taken it
  no_handshake,  ///< somebody has, and did not agree with us who we are and who that is
};

/// Holds libzmq's context, which may be shared by threads; each socket belongs to one.
class Bus {
 public:
  /// Of a folder `unavailable` when there are no sockets, `refused` when we may not use them. Of a
  /// node over tcp `unavailable` when its name stands for no address; that anybody answers there
  /// only a request finds out.
  static Result<std::shared_ptr<Bus>> open(NodeEndpoint endpoint);
  /// The same of the first dispatcher for which it does not fail; with the last one's error when
  /// it fails for all.
  static Result<std::shared_ptr<Bus>> open(ClusterEndpoint cluster);

  bool is_cluster() const { return is_cluster_; }
  /// How many can be talked with: of a node one.
  std::size_t size() const { return endpoints_.size(); }
  /// Which of them is talked with, from 0 on.
  std::size_t current() const { return current_; }
  /// That one is silent: from now on the next is talked with, unless another is already.
  void give_up(std::size_t which);

  /// A DEALER for the socket `name` ("jobs.sock") of one of them, not connected yet, which queues
  /// nothing for a peer that is not there. A dispatcher has one for all that is asked.
  Result<zmq::socket_t> dealer(std::size_t which, std::string_view name);
  Result<> connect(zmq::socket_t& socket, std::size_t which, std::string_view name);
  /// A SUB of no topic, connected: of a cluster to all dispatchers for which that can be begun.
  Result<zmq::socket_t> subscriber(std::string_view name);
  /// The other end of a socket's monitor at an inproc address.
  Result<zmq::socket_t> monitor(const std::string& address);

  /// Nobody answers at `name`: why that may be, and what can be done.
  Error silent(std::size_t which, std::string_view name, Plight plight) const;
  /// The same in a few words: "is droverd running?".
  std::string_view question(std::size_t which) const;
  /// "node tcp://pve2:7117" or "dispatcher tcp://10.0.0.9:7130", for messages.
  std::string text(std::size_t which) const;
  const NodeEndpoint& endpoint(std::size_t which) const { return endpoints_[which]; }

 private:
  Bus(std::vector<NodeEndpoint> endpoints, bool is_cluster);
  /// As whoever is there calls it.
  std::string_view served(std::string_view name) const;
  std::uint16_t port_at(const TcpEndpoint& tcp, std::string_view name) const;
  std::string_view program() const { return is_cluster_ ? "drover-dispatch" : "droverd"; }
  Error not_let_in(const TcpEndpoint& tcp, std::size_t which, std::string_view name) const;
  Result<> check_file(std::size_t which, std::string_view name) const;
  Result<std::string> address_of(std::size_t which, std::string_view name) const;
  void set_keys(zmq::socket_t& socket, const TcpEndpoint& tcp) const;
  Result<zmq::socket_t> make(zmq::socket_type type, std::size_t which, std::string_view name);

  std::vector<NodeEndpoint> endpoints_;
  bool is_cluster_;
  std::atomic<std::size_t> current_ = 0;
  zmq::context_t context_;
};

}  // namespace drover::messaging
