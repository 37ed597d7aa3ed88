// Bus: a node's endpoint, and how sockets to it are made.
#pragma once

#include <memory>
#include <string>
#include <string_view>
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

  /// A DEALER for the socket `name` ("jobs.sock"), not connected yet, which queues nothing for a
  /// peer that is not there.
  Result<zmq::socket_t> dealer(std::string_view name);
  Result<> connect(zmq::socket_t& socket, std::string_view name);
  /// A SUB of no topic, connected.
  Result<zmq::socket_t> subscriber(std::string_view name);
  /// The other end of a socket's monitor at an inproc address.
  Result<zmq::socket_t> monitor(const std::string& address);

  /// Nobody answers at `name`: why that may be, and what can be done.
  Error silent(std::string_view name, Plight plight) const;
  /// The same in a few words: "is droverd running?".
  std::string_view question() const;
  const NodeEndpoint& endpoint() const { return endpoint_; }

 private:
  explicit Bus(NodeEndpoint endpoint);
  Result<> check_file(const system::Path& folder, std::string_view name) const;
  Result<std::string> address_of(std::string_view name) const;
  void set_keys(zmq::socket_t& socket, const TcpEndpoint& tcp) const;
  Result<zmq::socket_t> make(zmq::socket_type type, std::string_view name);

  NodeEndpoint endpoint_;
  zmq::context_t context_;
};

}  // namespace drover::messaging
