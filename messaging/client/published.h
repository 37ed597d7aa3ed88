// What a PUB of a node or a dispatcher sends, as a SUB takes it.
#pragma once

#include <optional>
#include <string>
#include <zmq.hpp>

#include "agent/core/result.h"
#include "agent/system/clock.h"
#include "agent/system/stop.h"

namespace drover::messaging {

struct Published {
  std::string topic;
  std::string body;  ///< "" when it was no message of ours
};

/// The next one; none at `until`. For the thread that owns the socket.
Result<std::optional<Published>> receive_published(zmq::socket_t& socket, system::Instant until,
                                                   const system::Stop& stop);

}  // namespace drover::messaging
