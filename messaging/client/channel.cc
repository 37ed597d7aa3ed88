#include "messaging/client/channel.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <vector>

#include "messaging/client/socket_wait.h"

namespace drover::messaging {
namespace {

constexpr int kWatched = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                         ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                         ZMQ_EVENT_DISCONNECTED;

/// Every frame of the next message; empty when there is none now. Throws zmq::error_t.
std::vector<zmq::message_t> read_frames(zmq::socket_t& socket) {
  std::vector<zmq::message_t> frames;
  bool more = true;
  while (more) {
    zmq::message_t frame;
    if (!socket.recv(frame, zmq::recv_flags::dontwait)) {
      break;  // the frames of a message come together or not at all
    }
    more = frame.more();
    constexpr std::size_t kMostKept = 4;  // one more than any message has
    if (frames.size() < kMostKept) {
      frames.push_back(std::move(frame));
    }
  }
  return frames;
}

}  // namespace

Channel::Channel(std::shared_ptr<Bus> bus, std::size_t which, std::string_view name,
                 zmq::socket_t monitor, zmq::socket_t socket)
    : bus_(std::move(bus)),
      which_(which),
      name_(name),
      monitor_(std::move(monitor)),
      socket_(std::move(socket)) {}

Channel::~Channel() {
  if (socket_.handle() != nullptr) {
    zmq_socket_monitor(socket_.handle(), nullptr, 0);
  }
}

Result<Channel> Channel::open(std::shared_ptr<Bus> bus, std::string_view name) {
  static std::atomic<std::uint64_t> count = 0;
  const std::string address = fmt::format("inproc://drover-monitor-{}", count.fetch_add(1));
  const std::size_t which = bus->current();
  zmq::socket_t socket = TRY(bus->dealer(which, name));
  // Watched from before there is anything to see.
  if (zmq_socket_monitor(socket.handle(), address.c_str(), kWatched) != 0) {
    return fail(Code::broken, "watch the connection to {}: {}", name, zmq_strerror(zmq_errno()));
  }
  zmq::socket_t monitor = TRY(bus->monitor(address));
  TRY(bus->connect(socket, which, name));
  return Channel(std::move(bus), which, name, std::move(monitor), std::move(socket));
}

Result<bool> Channel::send(std::string_view kind, std::uint64_t rq, const std::string& body,
                           system::Instant until, const system::Stop& stop) {
  for (;;) {
    std::array<zmq::pollitem_t, 1> items = {zmq::pollitem_t{socket_.handle(), 0, ZMQ_POLLOUT, 0}};
    const bool writable = TRY(wait_for(items, until, stop));
    if (!writable) {
      return false;
    }
    const bool sent = TRY(send_now(kind, rq, body));
    if (sent) {
      return true;
    }
  }
}

Result<bool> Channel::send_now(std::string_view kind, std::uint64_t rq, const std::string& body,
                               const json::Object& more, std::string_view data) {
  if (body.size() > kMostBody) {
    return fail(Code::invalid, "{}: its body of {} bytes is larger than the {} accepted", kind,
                body.size(), kMostBody);
  }
  json::Object all = members_;
  for (const auto& [key, value] : more) {
    all.set(key, value);
  }
  const std::string header = write_header(kind, rq, all);
  if (header.size() > kMostHeader) {
    return fail(Code::invalid, "{}: its header of {} bytes is larger than the {} accepted", kind,
                header.size(), kMostHeader);
  }
  try {
    if (!socket_.send(zmq::buffer(header), zmq::send_flags::sndmore | zmq::send_flags::dontwait)) {
      return false;
    }
    // The rest of a message follows its first frame without waiting.
    socket_.send(zmq::buffer(body),
                 data.empty() ? zmq::send_flags::none : zmq::send_flags::sndmore);
    if (!data.empty()) {
      socket_.send(zmq::buffer(data.data(), data.size()), zmq::send_flags::none);
    }
    connected_ = true;
    return true;
  } catch (const zmq::error_t& error) {
    return fail(Code::broken, "send {} to {}: {}", kind, name_, error.what());
  }
}

Result<std::optional<Incoming>> Channel::receive(system::Instant until, const system::Stop& stop,
                                                 std::span<const int> wakes) {
  std::vector<zmq::pollitem_t> items = {zmq::pollitem_t{socket_.handle(), 0, ZMQ_POLLIN, 0},
                                        zmq::pollitem_t{monitor_.handle(), 0, ZMQ_POLLIN, 0}};
  for (const int wake : wakes) {
    items.push_back(zmq::pollitem_t{nullptr, wake, ZMQ_POLLIN, 0});
  }
  for (;;) {
    const bool ready = TRY(wait_for(items, until, stop));
    if (!ready) {
      return std::optional<Incoming>();
    }
    try {
      // What came before the connection broke is still good.
      if ((items[0].revents & ZMQ_POLLIN) != 0) {
        if (std::optional<Incoming> message = read_message()) {
          return message;
        }
        // A peer that sends nothing but what cannot be read must not keep us past the time.
        if (std::chrono::steady_clock::now() >= until) {
          return std::optional<Incoming>();
        }
        continue;
      }
      if ((items[1].revents & ZMQ_POLLIN) == 0) {
        return std::optional<Incoming>();  // one of `wakes`
      }
      read_monitor();
      if (lost_) {
        return std::optional<Incoming>();
      }
    } catch (const zmq::error_t& error) {
      if (error.num() != EINTR) {
        return fail(Code::broken, "receive from {}: {}", name_, error.what());
      }
    }
  }
}

std::optional<Incoming> Channel::read_message() {
  std::vector<zmq::message_t> frames = read_frames(socket_);
  if (frames.empty()) {
    return std::nullopt;
  }
  if (frames.size() < 2 || frames.size() > 3) {
    trouble_ = fmt::format("a message of {} frames came", frames.size());
    return std::nullopt;
  }
  Result<Header> header = read_header(frames[0].to_string_view());
  if (!header) {
    trouble_ = header.error().message;
    return std::nullopt;
  }
  return Incoming{std::move(*header), frames[1].to_string(),
                  frames.size() == 3 ? frames[2].to_string() : std::string()};
}

void Channel::read_monitor() {
  for (;;) {
    // A number of 16 bits, with the machine's byte order, and a value of 32; then the address.
    const std::vector<zmq::message_t> frames = read_frames(monitor_);
    if (frames.empty()) {
      return;
    }
    std::uint16_t event = 0;
    if (frames[0].size() < sizeof event) {
      continue;
    }
    std::memcpy(&event, frames[0].data(), sizeof event);
    if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
      agreed_ = true;
    } else if (event == ZMQ_EVENT_DISCONNECTED) {
      // One that was never agreed on had nothing to lose, and libzmq makes another.
      lost_ = lost_ || agreed_;
      plight_ = agreed_ ? Plight::nobody : plight_;
      agreed_ = false;
    } else {
      plight_ = Plight::no_handshake;
    }
  }
}

void Channel::look_at_monitor() {
  try {
    read_monitor();
  } catch (const zmq::error_t&) {
    // What was told until now has to do.
  }
}

bool Channel::is_connected() {
  look_at_monitor();
  return agreed_;
}

Plight Channel::plight() {
  look_at_monitor();
  return plight_;
}

}  // namespace drover::messaging
