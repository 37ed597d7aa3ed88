#include "messaging/front/link.h"

#include <cstring>
#include <utility>

#include "messaging/front/sockets.h"

namespace drover::messaging {

Link::Link(zmq::context_t& context, std::size_t number, Way way, const SecretKey& secret,
           Unread::Count of_all)
    : way_(std::move(way)),
      socket_(make_dealer(context, way_.server, {way_.own, secret})),
      monitor_(context, zmq::socket_type::pair),
      unread_(std::move(of_all)) {
  const std::string told_at = fmt::format("inproc://link-{}", number);
  if (zmq_socket_monitor(socket_.handle(), told_at.c_str(),
                         ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED) != 0) {
    throw zmq::error_t();
  }
  monitor_.set(zmq::sockopt::linger, 0);
  monitor_.connect(told_at);
  socket_.connect(way_.address);
}

Link::~Link() {
  // Before its other end closes: libzmq's thread would wait for that for ever.
  zmq_socket_monitor(socket_.handle(), nullptr, 0);
}

std::vector<Link::Change> Link::changes() {
  std::vector<Change> found;
  for (;;) {
    const Frames frames = next_message(monitor_, 1);
    if (frames.empty()) {
      return found;
    }
    std::uint16_t event = 0;  // in this machine's order (zmq_socket_monitor(3))
    if (frames.front().size() >= sizeof event) {
      std::memcpy(&event, frames.front().data(), sizeof event);
    }
    if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
      found.push_back(Change::up);
    } else if (event == ZMQ_EVENT_DISCONNECTED) {
      found.push_back(Change::down);
    }
  }
}

bool Link::send(const Envelope& envelope, std::string header, std::string body, std::string data) {
  if (!unread_.takes_more()) {
    return false;
  }
  const auto part = [&](zmq::message_t frame, bool more) {
    return socket_
        .send(std::move(frame), more ? zmq::send_flags::sndmore | zmq::send_flags::dontwait
                                     : zmq::send_flags::dontwait)
        .has_value();
  };
  // Whether there is room is said of the first frame; the others come with it.
  const std::string text = write_envelope(envelope);
  return part(zmq::message_t(text.data(), text.size()), true) &&
         part(unread_.frame(std::move(header)), true) &&
         part(unread_.frame(std::move(body)), !data.empty()) &&
         (data.empty() || part(unread_.frame(std::move(data)), false));
}

}  // namespace drover::messaging
