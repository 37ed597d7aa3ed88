// Bus: the folder of a node's sockets, and how sockets to them are made.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <zmq.hpp>

#include "agent/core/result.h"
#include "agent/system/file.h"

namespace drover::messaging {

/// Holds libzmq's context, which may be shared by threads; each socket belongs to one.
class Bus {
 public:
  /// `unavailable` when there are no sockets, `refused` when we may not use them.
  static Result<std::shared_ptr<Bus>> open(system::Path folder);

  /// A DEALER connected to the socket `name` ("jobs.sock"), which queues nothing for a peer that is
  /// not there.
  Result<zmq::socket_t> dealer(std::string_view name);
  /// A SUB of every topic.
  Result<zmq::socket_t> subscriber(std::string_view name);
  /// The other end of a socket's monitor at an inproc address.
  Result<zmq::socket_t> monitor(const std::string& address);

  /// "nobody answers at FOLDER/NAME: is droverd running?"
  Failure silent(std::string_view name) const;
  const system::Path& folder() const { return folder_; }

 private:
  explicit Bus(system::Path folder);
  Result<> check(std::string_view name) const;
  Result<zmq::socket_t> connect(zmq::socket_type type, std::string_view name);

  system::Path folder_;
  zmq::context_t context_;
};

}  // namespace drover::messaging
