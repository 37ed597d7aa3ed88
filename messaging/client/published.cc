#include "messaging/client/published.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <utility>

#include "messaging/client/socket_wait.h"

namespace drover::messaging {

Result<std::optional<Published>> receive_published(zmq::socket_t& socket, system::Instant until,
                                                   const system::Stop& stop) {
  std::array<zmq::pollitem_t, 1> items = {zmq::pollitem_t{socket.handle(), 0, ZMQ_POLLIN, 0}};
  const bool ready = TRY(wait_for(items, until, stop));
  if (!ready) {
    return std::optional<Published>();
  }
  try {
    Published message;
    std::size_t count = 0;
    for (bool more = true; more; ++count) {
      zmq::message_t frame;
      if (!socket.recv(frame, zmq::recv_flags::dontwait)) {
        break;
      }
      more = frame.more();
      if (count < 2) {
        (count == 0 ? message.topic : message.body) = frame.to_string();
      }
    }
    return std::optional<Published>(count == 2 ? std::move(message) : Published());
  } catch (const zmq::error_t& error) {
    if (error.num() == EINTR) {
      return std::optional<Published>(Published());
    }
    return fail(Code::broken, "receive from events.sock: {}", error.what());
  }
}

}  // namespace drover::messaging
