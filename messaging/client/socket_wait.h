// Waiting for libzmq's sockets and a Stop together.
#pragma once

#include <span>
#include <zmq.hpp>

#include "agent/core/result.h"
#include "agent/system/clock.h"
#include "agent/system/stop.h"

namespace drover::messaging {

/// True when one of `items` has what it waits for, false at `until`, `cancelled` when `stop` was
/// requested. zmq_poll(3) is level-triggered, unlike the descriptor behind ZMQ_FD. At most five
/// items; for the thread that owns the sockets.
Result<bool> wait_for(std::span<zmq::pollitem_t> items, system::Instant until,
                      const system::Stop& stop);

}  // namespace drover::messaging
