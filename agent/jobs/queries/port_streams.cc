#include "agent/jobs/queries/port_streams.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "agent/core/fields.h"
#include "agent/jobs/queries/inner_port.h"
#include "agent/jobs/queries/input_program.h"
#include "messaging/message.h"
#include "messaging/record.h"

namespace drover::jobs {
namespace {

/// Of one connection at once, so that others have their turn.
constexpr int kMostChunksOfPort = 4;

Error broken_off(int number) {
  return Error{
      Code::conflict,
      fmt::format("the connection to the program inside is broken off: {}", std::strerror(number)),
      {}};
}

}  // namespace

PortStreams::PortStreams(system::Loop& loop, Journal& journal, const Node& node, Send send)
    : loop_(loop), journal_(journal), node_(node), send_(std::move(send)), openers_(loop) {}

PortStreams::~PortStreams() {
  close_all();
}

Result<> PortStreams::open(const Address& address, const json::Value& body) {
  Faults faults;
  Fields fields(body, "", faults);
  fields.require("name");
  fields.require("port");
  const std::string name = fields.string("name");
  const auto port = static_cast<std::uint16_t>(fields.integer("port", 1, 1, UINT16_MAX));
  const auto until = static_cast<std::uint64_t>(
      fields.integer("until", 0, 0, static_cast<std::int64_t>(kMostCredit)));
  fields.finish();
  TRY(faults.result("the connection is not understood"));
  TRY(check_room(address));
  const InputProgram program = TRY(find_program(journal_, node_, "container " + name));
  if (program.phase != InputProgram::Phase::runs) {
    return fail(Code::conflict, "connect to port {} in container {}: it does not run", port, name);
  }
  const std::uint64_t number = ++last_number_;
  const auto socket = std::make_shared<system::UniqueFd>();
  TRY(openers_.ask(
      [socket, port, container = *program.container,
       runtime = program.runtime](const system::Stop& stop) -> Result<json::Value> {
        *socket = TRY(connect_to_port(container, *runtime, port, stop));
        return json::Value();
      },
      [this, address, number, socket](const Result<json::Value>& outcome) {
        made(address, number, outcome, std::move(*socket));
      }));
  Connection connection;
  connection.number = number;
  connection.container = name;
  connection.until = until;
  connections_.emplace(address, std::move(connection));
  return {};
}

Result<> PortStreams::check_room(const Address& address) const {
  const auto of_one = std::distance(connections_.lower_bound({address.first, 0}),
                                    connections_.upper_bound({address.first, UINT64_MAX}));
  if (connections_.contains(address) || connections_.size() >= kMost ||
      static_cast<std::size_t>(of_one) >= kMostOfOne) {
    return fail(Code::conflict,
                "open a connection to a port: {} are open, {} of this client, and one of this "
                "number may be among them",
                connections_.size(), of_one);
  }
  return {};
}

void PortStreams::made(const Address& address, std::uint64_t number,
                       const Result<json::Value>& outcome, system::UniqueFd socket) {
  const auto found = connections_.find(address);
  if (found == connections_.end() || found->second.number != number) {
    return;  // nobody wants it any more
  }
  if (!outcome) {
    fail_one(found, outcome.error());
    return;
  }
  found->second.socket = std::move(socket);
  go_on(found);
}

Result<PortStreams::Connections::iterator> PortStreams::find_open(const Address& address) {
  const auto found = connections_.find(address);
  if (found == connections_.end()) {
    return fail(Code::not_found, "no connection of this number is open");
  }
  return found;
}

Result<> PortStreams::take(const Address& address, std::uint64_t offset, std::string_view data) {
  const Connections::iterator found = TRY(find_open(address));
  Connection& connection = found->second;
  const std::uint64_t received = connection.received();
  if (offset > received) {
    tell_taken(found, "port.taken", &received);
    return {};
  }
  const std::string_view fresh =
      data.substr(std::min<std::uint64_t>(received - offset, data.size()));
  const bool is_allowed = connection.connected && !connection.finishing &&
                          connection.waiting.size() + fresh.size() <= kWindow;
  if (!fresh.empty() && !is_allowed) {
    return fail(Code::invalid, "port in container {}: bytes {} to {} are more than was allowed",
                connection.container, received, received + fresh.size());
  }
  connection.waiting += fresh;
  if (connection.connected && push(found, true)) {
    go_on(found);
  }
  return {};
}

Result<> PortStreams::finish(const Address& address, const json::Value& body) {
  Faults faults;
  Fields fields(body, "", faults);
  fields.require("offset");
  const auto offset = static_cast<std::uint64_t>(fields.integer("offset", 0, 0, INT64_MAX));
  fields.finish();
  TRY(faults.result("the end of the connection is not understood"));
  const Connections::iterator found = TRY(find_open(address));
  const std::uint64_t received = found->second.received();
  if (offset > received) {
    tell_taken(found, "port.taken", &received);
    return {};
  }
  if (offset < received || !found->second.connected) {
    return fail(Code::invalid, "port in container {}: it is to end at byte {}, and {} have come",
                found->second.container, offset, received);
  }
  found->second.finishing = true;
  if (push(found, true)) {
    go_on(found);
  }
  return {};
}

Result<> PortStreams::credit(const Address& address, const json::Value& body) {
  Faults faults;
  Fields fields(body, "", faults);
  fields.require("until");
  const auto until = static_cast<std::uint64_t>(fields.integer("until", 0, 0, INT64_MAX));
  fields.finish();
  TRY(faults.result("the credit is not understood"));
  const auto found = connections_.find(address);
  if (found == connections_.end()) {
    return {};
  }
  Connection& connection = found->second;
  connection.until = std::max(connection.until, std::min(until, connection.sent + kMostCredit));
  if (connection.connected) {
    go_on(found);
  }
  return {};
}

void PortStreams::ready(const Address& address, std::uint32_t events) {
  const auto found = connections_.find(address);
  if (found == connections_.end()) {
    return;
  }
  if (!found->second.connected) {
    see_connected(found);
    return;
  }
  // What has broken shows when it is read or written.
  const bool broke = (events & (EPOLLHUP | EPOLLERR)) != 0;
  if (((events & EPOLLOUT) != 0 || broke) && !found->second.waiting.empty() &&
      !push(found, false)) {
    return;
  }
  if (((events & EPOLLIN) != 0 || broke) && !pull(found)) {
    return;
  }
  go_on(found);
}

void PortStreams::see_connected(Connections::iterator connection) {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(connection->second.socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) {
    fail_one(connection, broken_off(error));
    return;
  }
  connection->second.connected = true;
  tell_taken(connection, "port.opened");
  go_on(connection);
}

bool PortStreams::push(Connections::iterator connection, bool always) {
  Connection& pushed = connection->second;
  const std::uint64_t before = pushed.taken;
  while (!pushed.waiting.empty()) {
    const ssize_t done = send(pushed.socket.get(), pushed.waiting.data(), pushed.waiting.size(),
                              MSG_NOSIGNAL | MSG_DONTWAIT);
    if (done < 0 && errno == EINTR) {
      continue;
    }
    if (done < 0 && errno == EAGAIN) {
      break;
    }
    if (done < 0) {
      fail_one(connection, broken_off(errno));
      return false;
    }
    pushed.taken += static_cast<std::uint64_t>(done);
    pushed.waiting.erase(0, static_cast<std::size_t>(done));
  }
  const bool ends = pushed.finishing && pushed.waiting.empty() && !pushed.finished;
  if (ends) {
    shutdown(pushed.socket.get(), SHUT_WR);
    pushed.finished = true;
  }
  if (always || ends || pushed.taken != before) {
    tell_taken(connection, "port.taken");
  }
  return true;
}

bool PortStreams::pull(Connections::iterator connection) {
  Connection& pulled = connection->second;
  for (int count = 0; count < kMostChunksOfPort && !pulled.ended && pulled.sent < pulled.until;
       ++count) {
    std::string data(std::min<std::uint64_t>(pulled.until - pulled.sent, messaging::kMostData),
                     '\0');
    const ssize_t got = recv(pulled.socket.get(), data.data(), data.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) {
      break;
    }
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      fail_one(connection, broken_off(errno));
      return false;
    }
    if (got == 0) {
      pulled.ended = true;
      tell(connection, "port.end", {{"offset", pulled.sent}});
      break;
    }
    data.resize(static_cast<std::size_t>(got));
    send_(connection->first, messaging::kPortData, {{"offset", pulled.sent}}, "{}",
          std::move(data));
    pulled.sent += static_cast<std::uint64_t>(got);
  }
  return true;
}

void PortStreams::go_on(Connections::iterator connection) {
  Connection& open = connection->second;
  if (open.ended && open.finished) {
    drop(connection);
    return;
  }
  std::uint32_t wanted = 0;
  if (!open.connected || !open.waiting.empty()) {
    wanted |= EPOLLOUT;
  }
  if (open.connected && !open.ended && open.sent < open.until) {
    wanted |= EPOLLIN;
  }
  if (wanted == open.watched) {
    return;
  }
  open.watched = wanted;
  if (wanted == 0) {
    // What is broken would be told again and again.
    loop_.unwatch(open.socket.get());
    return;
  }
  loop_.watch(open.socket.get(), wanted, [this, address = connection->first](std::uint32_t events) {
    ready(address, events);
  });
}

void PortStreams::tell(const Connections::iterator& connection, std::string_view kind,
                       json::Object body) {
  send_(connection->first, kind, {}, json::write(std::move(body)), "");
}

void PortStreams::tell_taken(const Connections::iterator& connection, std::string_view kind,
                             const std::uint64_t* from) {
  const Connection& told = connection->second;
  json::Object body{{"offset", told.taken}, {"until", told.taken + kWindow}};
  if (told.finished) {
    body.set("finished", true);
  }
  if (from != nullptr) {
    body.set("from", *from);
  }
  tell(connection, kind, std::move(body));
}

void PortStreams::fail_one(Connections::iterator connection, const Error& error) {
  send_(connection->first, "error", {}, messaging::write_error(error), "");
  drop(connection);
}

PortStreams::Connections::iterator PortStreams::drop(Connections::iterator connection) {
  if (connection->second.watched != 0) {
    loop_.unwatch(connection->second.socket.get());
  }
  return connections_.erase(connection);
}

void PortStreams::close(const Address& address) {
  if (const auto found = connections_.find(address); found != connections_.end()) {
    drop(found);
  }
}

void PortStreams::close_of(std::uint64_t peer) {
  for (auto at = connections_.lower_bound({peer, 0});
       at != connections_.end() && at->first.first == peer;) {
    at = drop(at);
  }
}

void PortStreams::close_all() {
  while (!connections_.empty()) {
    drop(connections_.begin());
  }
}

void PortStreams::ended(const std::string& container) {
  for (auto at = connections_.begin(); at != connections_.end();) {
    const auto connection = at++;
    if (connection->second.container == container) {
      fail_one(connection, {Code::conflict, fmt::format("container {} has ended", container), {}});
    }
  }
}

}  // namespace drover::jobs
