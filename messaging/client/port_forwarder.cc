#include "messaging/client/port_forwarder.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "messaging/client/channel.h"

namespace drover::messaging {
namespace {

/// So much is held of what the program inside has not taken, and of what is not taken here.
constexpr std::size_t kHeldOfPort = std::size_t{128} * 1024;
constexpr std::uint64_t kWindowOfPort = std::uint64_t{256} * 1024;
/// A word of the node's may be lost when it is busy.
constexpr std::chrono::seconds kAskEvery{1};
constexpr std::chrono::milliseconds kSendAgain{20};

system::Instant port_now() {
  return std::chrono::steady_clock::now();
}

}  // namespace

PortForwarder::PortForwarder(const Client& client, std::string container)
    : node_(client),
      patience_(client.options().connect_timeout),
      container_(std::move(container)) {}

PortForwarder::~PortForwarder() {
  trouble_ = {};
  drop_all("");
}

Result<std::uint16_t> PortForwarder::listen(std::uint16_t local, std::uint16_t inner) {
  system::UniqueFd listener(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(local);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);  // NOLINT: as the interface asks
  if (!listener.valid() || bind(listener.get(), generic, size) != 0 ||
      ::listen(listener.get(), SOMAXCONN) != 0 ||
      getsockname(listener.get(), generic, &size) != 0) {
    return fail(Code::conflict, "listen on 127.0.0.1 port {}: {}", local, std::strerror(errno));
  }
  loop_.watch(listener.get(), EPOLLIN,
              [this, fd = listener.get(), inner](std::uint32_t) { accept_from(fd, inner); });
  listeners_.push_back(std::move(listener));
  return ntohs(address.sin_port);
}

void PortForwarder::accept_from(int listener, std::uint16_t inner) {
  system::UniqueFd socket(accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!socket.valid()) {
    return;  // it has gone again; without descriptors it is accepted when there are some
  }
  const int on = 1;
  setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  Connection connection;
  connection.socket = std::move(socket);
  connection.inner = inner;
  connections_.emplace(++last_number_, std::move(connection));
}

Result<> PortForwarder::run(const system::Stop& stop,
                            const std::function<void(const std::string& why)>& trouble) {
  trouble_ = trouble;
  TRY(node_.connect());
  const std::function<void()> tick = [&] {
    ask_again();
    loop_.after(kAskEvery, tick);
  };
  const system::Loop::TimerId timer = loop_.after(kAskEvery, tick);
  const auto work = [&]() -> Result<> {
    for (;;) {
      TRY(stop.check("forward ports"));
      const system::Instant until =
          port_now() + loop_.until_next_timer(std::chrono::milliseconds(500));
      TRY(open_waiting(until, stop));
      const std::array<int, 1> wakes{loop_.fd()};
      if (node_.lives()) {
        const std::optional<Incoming> message = TRY(node_.channel().receive(until, stop, wakes));
        if (message) {
          TRY(take(*message));
        }
      }
      if (!node_.lives()) {
        drop_all("the connection to the node broke");
        [[maybe_unused]] const Result<> again = node_.connect();
      }
      // Without a connection there is nothing else to wait in.
      loop_.turn(std::chrono::milliseconds(node_.lives() ? 0 : 50));
    }
  };
  Result<> worked = work();
  loop_.cancel(timer);
  return worked;
}

/// One that the node does not hear of in time is closed, and the listeners stay.
Result<> PortForwarder::open_waiting(system::Instant until, const system::Stop& stop) {
  for (auto at = connections_.begin(); at != connections_.end();) {
    const auto waiting = at++;
    Connection& connection = waiting->second;
    if (connection.rq != 0) {
      continue;
    }
    const json::Object what{
        {"name", container_}, {"port", std::uint64_t{connection.inner}}, {"until", kWindowOfPort}};
    const system::Instant now = port_now();
    waits_since_ = waits_since_.value_or(now);
    node_.heard();
    const Result<bool> opened =
        node_.open("port.open", what, std::min(until, now + kSendAgain), stop);
    if (!opened && opened.error().code == Code::cancelled) {
      return Failure(opened.error());
    }
    if (opened && *opened) {
      connection.rq = node_.rq();
      connection.credit = kWindowOfPort;
      waits_since_.reset();
    } else if (now - *waits_since_ >= patience_) {
      fail_one(waiting, opened ? "the node does not answer" : opened.error().message);
      waits_since_.reset();
    } else {
      return {};
    }
  }
  return {};
}

Result<> PortForwarder::take(const Incoming& message) {
  node_.heard();
  const auto at = std::find_if(connections_.begin(), connections_.end(), [&](const auto& entry) {
    return entry.second.rq != 0 && entry.second.rq == message.header.rq;
  });
  if (at == connections_.end()) {
    return {};
  }
  const bool is_error = message.header.kind == "error";
  const Error error = is_error ? read_error(message.body) : Error{};
  if (at->second.until == 0 &&
      (message.header.kind == "busy" || (is_error && error.code == Code::unavailable))) {
    // It was not asked for, then; soon it is again.
    at->second.rq = 0;
    node_.rest_until(port_now() + kSendAgain);
    return {};
  }
  if (is_error) {
    fail_one(at, error.message);
    return {};
  }
  bool goes_on = true;
  if (message.header.kind == kPortData) {
    goes_on = take_data(at, message);
  } else {
    const json::Value body = TRY(json::parse(message.body).context(message.header.kind));
    goes_on = take_word(at, message.header.kind, body);
  }
  if (goes_on) {
    go_on(at);
  }
  return {};
}

bool PortForwarder::take_word(Connections::iterator at, const std::string& kind,
                              const json::Value& body) {
  Connection& connection = at->second;
  if (kind == "busy") {
    connection.sent = connection.taken;
    connection.finish_sent = false;
    connection.credit = 0;
    send_later();
    return true;
  }
  const auto offset = static_cast<std::uint64_t>(body.at("offset").integer_or(-1));
  if (kind == "port.end") {
    if (offset != connection.received) {
      fail_one(at, "bytes of the program inside were lost");
      return false;
    }
    connection.ended = true;
    return true;
  }
  if (kind != "port.opened" && kind != "port.taken") {
    return true;
  }
  if (offset > connection.end() || offset < connection.taken) {
    fail_one(at, fmt::format("the node has taken {} bytes of {} that there were", offset,
                             connection.end()));
    return false;
  }
  connection.held.erase(0, offset - connection.taken);
  connection.taken = offset;
  connection.sent = std::max(connection.sent, offset);
  connection.until = static_cast<std::uint64_t>(body.at("until").integer_or(0));
  connection.finished = body.at("finished").boolean_or(false);
  if (const std::int64_t* from = body.at("from").integer()) {
    connection.sent =
        std::clamp(static_cast<std::uint64_t>(*from), connection.taken, connection.sent);
    connection.finish_sent = false;
  }
  return true;
}

bool PortForwarder::take_data(Connections::iterator at, const Incoming& message) {
  const json::Value* offset = message.header.all.find("offset");
  Connection& connection = at->second;
  if (offset == nullptr ||
      offset->integer_or(-1) != static_cast<std::int64_t>(connection.received)) {
    fail_one(at, "bytes of the program inside were lost");
    return false;
  }
  connection.received += message.data.size();
  connection.waiting += message.data;
  return write_local(at);
}

void PortForwarder::ready(std::uint64_t number, std::uint32_t events) {
  const auto at = connections_.find(number);
  if (at == connections_.end()) {
    return;
  }
  const bool broke = (events & (EPOLLHUP | EPOLLERR)) != 0;
  if (((events & EPOLLOUT) != 0 || broke) && !write_local(at)) {
    return;
  }
  if (((events & EPOLLIN) != 0 || broke) && !read_local(at)) {
    return;
  }
  go_on(at);
}

bool PortForwarder::read_local(Connections::iterator at) {
  Connection& connection = at->second;
  while (!connection.read_all && connection.held.size() < kHeldOfPort) {
    std::string part(kHeldOfPort - connection.held.size(), '\0');
    const ssize_t got = recv(connection.socket.get(), part.data(), part.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) {
      break;
    }
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      // Whoever connected has broken it off, and knows it.
      send(connection, "port.close", {});
      drop(at);
      return false;
    }
    connection.read_all = got == 0;
    connection.held += part.substr(0, static_cast<std::size_t>(got));
  }
  return true;
}

bool PortForwarder::write_local(Connections::iterator at) {
  Connection& connection = at->second;
  while (!connection.waiting.empty()) {
    const ssize_t done = ::send(connection.socket.get(), connection.waiting.data(),
                                connection.waiting.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (done < 0 && errno == EINTR) {
      continue;
    }
    if (done < 0 && errno == EAGAIN) {
      break;
    }
    if (done < 0) {
      send(connection, "port.close", {});
      drop(at);
      return false;
    }
    connection.waiting.erase(0, static_cast<std::size_t>(done));
  }
  return true;
}

void PortForwarder::go_on(Connections::iterator at) {
  Connection& connection = at->second;
  if (connection.ended && connection.waiting.empty() && !connection.shut) {
    shutdown(connection.socket.get(), SHUT_WR);
    connection.shut = true;
  }
  if (connection.shut && connection.finished) {
    drop(at);
    return;
  }
  if (!send_waiting(connection)) {
    send_later();
  }
  watch(at);
}

/// False when some of it has to be sent later.
bool PortForwarder::send_waiting(Connection& connection) {
  if (connection.until == 0 || !node_.lives()) {
    return true;  // it is not open yet
  }
  while (connection.sent < std::min(connection.until, connection.end())) {
    const std::size_t size = std::min<std::uint64_t>(
        kMostData, std::min(connection.until, connection.end()) - connection.sent);
    if (!send(connection, kPortData, {}, {{"offset", connection.sent}},
              std::string_view(connection.held).substr(connection.sent - connection.taken, size))) {
      return false;
    }
    connection.sent += size;
  }
  if (connection.read_all && !connection.finish_sent && connection.sent == connection.end()) {
    connection.finish_sent = send(connection, "port.finish", {{"offset", connection.sent}});
    if (!connection.finish_sent) {
      return false;
    }
  }
  const std::uint64_t wanted = connection.received - connection.waiting.size() + kWindowOfPort;
  if (!connection.ended && wanted >= connection.credit + kWindowOfPort / 2) {
    if (!send(connection, "port.credit", {{"until", wanted}})) {
      return false;
    }
    connection.credit = wanted;
  }
  return true;
}

bool PortForwarder::send(const Connection& connection, std::string_view kind,
                         const json::Object& body, const json::Object& more,
                         std::string_view data) {
  if (connection.rq == 0 || !node_.lives()) {
    return true;  // nobody is there to be told
  }
  const Result<bool> sent =
      node_.channel().send_now(kind, connection.rq, json::write(body), more, data);
  return sent && *sent;
}

void PortForwarder::send_later() {
  if (std::exchange(is_later_, true)) {
    return;
  }
  loop_.after(kSendAgain, [this] {
    is_later_ = false;
    for (auto at = connections_.begin(); at != connections_.end();) {
      go_on(at++);
    }
  });
}

void PortForwarder::ask_again() {
  for (auto& [number, connection] : connections_) {
    const bool expects =
        !connection.held.empty() || (connection.finish_sent && !connection.finished);
    if (connection.until != 0 && expects) {
      connection.finish_sent = false;
      send(connection, kPortData, {}, {{"offset", connection.sent}});
    }
  }
  send_later();
}

void PortForwarder::watch(Connections::iterator at) {
  Connection& connection = at->second;
  std::uint32_t wanted = 0;
  if (!connection.read_all && connection.held.size() < kHeldOfPort) {
    wanted |= EPOLLIN;
  }
  if (!connection.waiting.empty()) {
    wanted |= EPOLLOUT;
  }
  if (wanted == connection.watched) {
    return;
  }
  connection.watched = wanted;
  if (wanted == 0) {
    loop_.unwatch(connection.socket.get());
    return;
  }
  loop_.watch(connection.socket.get(), wanted,
              [this, number = at->first](std::uint32_t events) { ready(number, events); });
}

void PortForwarder::fail_one(Connections::iterator at, const std::string& why) {
  if (trouble_) {
    trouble_(why);
  }
  // Whoever connected is to see that this is no end of what was said.
  const linger now{1, 0};
  setsockopt(at->second.socket.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  send(at->second, "port.close", {});
  drop(at);
}

void PortForwarder::drop(Connections::iterator at) {
  if (at->second.watched != 0) {
    loop_.unwatch(at->second.socket.get());
  }
  connections_.erase(at);
}

/// Those that were asked for.
void PortForwarder::drop_all(const std::string& why) {
  for (auto at = connections_.begin(); at != connections_.end();) {
    const auto connection = at++;
    if (connection->second.rq != 0 || why.empty()) {
      fail_one(connection, why);
    }
  }
}

}  // namespace drover::messaging
