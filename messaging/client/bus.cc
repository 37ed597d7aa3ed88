#include "messaging/client/bus.h"

#include <sys/random.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include "agent/core/wipe.h"
#include "messaging/client/resolve.h"

namespace drover::messaging {
namespace {

// An answer is a record's body, whose bound is far below; this one only stops a mad node.
constexpr std::int64_t kMostMessage = std::int64_t{4} << 20;
constexpr int kReconnectMs = 250;

// Over tcp. A node that does not let us in says nothing at all: libzmq tries anew when the
// handshake has taken this long, and then comes in once it is allowed.
constexpr int kHandshakeMs = 1000;
constexpr int kTcpReconnectMs = 1000;
constexpr int kTcpConnectMs = 5000;
// A link that was cut says nothing either. Shorter ones cut large messages off on slow links.
constexpr int kHeartbeatMs = 5000;
constexpr int kHeartbeatTimeoutMs = 15'000;

// What is sent last (a stream's close) gets this long to leave the process.
constexpr int kLingerMs = 200;
constexpr int kMostWaitingEvents = 100'000;

/// libzmq never seeds rand(3), so without this every process draws the same reconnect jitter.
void seed_once() {
  static std::once_flag seeded;
  std::call_once(seeded, [] {
    unsigned seed = 0;
    if (getrandom(&seed, sizeof seed, 0) == static_cast<ssize_t>(sizeof seed)) {
      srand(seed);
    }
  });
}

}  // namespace

Bus::Bus(NodeEndpoint endpoint) : endpoint_(std::move(endpoint)), context_(1) {}

Result<std::shared_ptr<Bus>> Bus::open(NodeEndpoint endpoint) {
  seed_once();
  try {
    std::shared_ptr<Bus> bus(new Bus(std::move(endpoint)));
    // libzmq would connect to what does not exist yet for ever, and say nothing.
    TRY(bus->address_of("query.sock"));
    return bus;
  } catch (const zmq::error_t& error) {
    return fail(Code::broken, "make a messaging context: {}", error.what());
  }
}

Result<> Bus::check_file(const system::Path& folder, std::string_view name) const {
  const std::string path = (folder / name).native();
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return fail(Code::invalid, "{}: its path is too long for a socket (at most {} bytes)",
                endpoint_.text(), sizeof(sockaddr_un::sun_path) - name.size() - 2);
  }
  struct stat found {};
  if (stat(path.c_str(), &found) != 0) {
    if (errno == EACCES) {
      return fail(Code::refused, "{}: permission denied (only root may use it)", endpoint_.text());
    }
    return fail(Code::unavailable, "{}: no {} there ({}): is droverd running?", endpoint_.text(),
                name, std::strerror(errno));
  }
  if (!S_ISSOCK(found.st_mode)) {
    return fail(Code::invalid, "{}: {} is no socket", endpoint_.text(), name);
  }
  if (access(path.c_str(), W_OK) != 0) {
    return fail(Code::refused, "{}: {}: {}", endpoint_.text(), name, std::strerror(errno));
  }
  return {};
}

/// As libzmq wants it, once there is something.
Result<std::string> Bus::address_of(std::string_view name) const {
  if (const TcpEndpoint* tcp = endpoint_.tcp()) {
    const std::string host = TRY(resolve(tcp->address.host).context(endpoint_.text()));
    return TcpAddress{host, port_of(name, tcp->address.port)}.text();
  }
  TRY(check_file(*endpoint_.folder(), name));
  return "ipc://" + (*endpoint_.folder() / name).native();
}

void Bus::set_keys(zmq::socket_t& socket, const TcpEndpoint& tcp) const {
  std::string secret(tcp.own.secret_key.text());
  socket.set(zmq::sockopt::curve_serverkey, tcp.server_key.str());
  socket.set(zmq::sockopt::curve_publickey, tcp.own.public_key.str());
  socket.set(zmq::sockopt::curve_secretkey, secret);
  wipe(secret);
}

Result<zmq::socket_t> Bus::make(zmq::socket_type type, std::string_view name) {
  try {
    zmq::socket_t socket(context_, type);
    socket.set(zmq::sockopt::linger, kLingerMs);
    socket.set(zmq::sockopt::maxmsgsize, kMostMessage);
    if (const TcpEndpoint* tcp = endpoint_.tcp()) {
      set_keys(socket, *tcp);
      socket.set(zmq::sockopt::reconnect_ivl, kTcpReconnectMs);
      socket.set(zmq::sockopt::connect_timeout, kTcpConnectMs);
      socket.set(zmq::sockopt::handshake_ivl, kHandshakeMs);
      socket.set(zmq::sockopt::heartbeat_ivl, kHeartbeatMs);
      socket.set(zmq::sockopt::heartbeat_timeout, kHeartbeatTimeoutMs);
      socket.set(zmq::sockopt::heartbeat_ttl, kHeartbeatTimeoutMs);
    } else {
      socket.set(zmq::sockopt::reconnect_ivl, kReconnectMs);
    }
    if (type == zmq::socket_type::sub) {
      socket.set(zmq::sockopt::rcvhwm, kMostWaitingEvents);
    } else {
      // Only to a peer that is there: a request that waits for one would be delivered long after
      // its sender gave up.
      socket.set(zmq::sockopt::immediate, true);
    }
    return socket;
  } catch (const zmq::error_t& error) {
    return fail(Code::broken, "{}: make a socket for {}: {}", endpoint_.text(), name, error.what());
  }
}

Result<> Bus::connect(zmq::socket_t& socket, std::string_view name) {
  const std::string address = TRY(address_of(name));
  try {
    // Not for every one: where the kernel has no IPv6 it would be in the way of IPv4.
    socket.set(zmq::sockopt::ipv6, address.starts_with("tcp://["));
    socket.connect(address);
    return {};
  } catch (const zmq::error_t& error) {
    return fail(Code::broken, "connect to {}: {}", address, error.what());
  }
}

Result<zmq::socket_t> Bus::dealer(std::string_view name) {
  return make(zmq::socket_type::dealer, name);
}

Result<zmq::socket_t> Bus::subscriber(std::string_view name) {
  zmq::socket_t socket = TRY(make(zmq::socket_type::sub, name));
  TRY(connect(socket, name));
  return socket;
}

Result<zmq::socket_t> Bus::monitor(const std::string& address) {
  try {
    zmq::socket_t socket(context_, zmq::socket_type::pair);
    socket.set(zmq::sockopt::linger, 0);
    // libzmq's own thread writes to it, and would stand still were it full (4.3.4).
    socket.set(zmq::sockopt::rcvhwm, 0);
    socket.connect(address);
    return socket;
  } catch (const zmq::error_t& error) {
    return fail(Code::broken, "watch a connection: {}", error.what());
  }
}

std::string_view Bus::question() const {
  return endpoint_.tcp() == nullptr ? "is droverd running?"
                                    : "is droverd running there, and allows it this key still?";
}

Error Bus::silent(std::string_view name, Plight plight) const {
  const TcpEndpoint* tcp = endpoint_.tcp();
  if (tcp == nullptr) {
    return {Code::unavailable,
            fmt::format("{}: nobody answers at {}: is droverd running?", endpoint_.text(), name),
            {}};
  }
  const std::uint16_t port = port_of(name, tcp->address.port);
  if (plight == Plight::nobody) {
    return {Code::unavailable,
            fmt::format("{}: nobody takes a connection at port {} ({}): is droverd running there, "
                        "with bus.tcp in its configuration, and do firewalls let {} to {} through?",
                        endpoint_.text(), port, name, tcp->address.port, tcp->address.port + 4),
            {}};
  }
  return {
      Code::timed_out,
      fmt::format("{}: port {} ({}) does not let us in: either the node does not allow the key "
                  "{} what is asked for there (`drover keys allow` on the node), or the node's "
                  "own key is not {} (`drover keys show` on the node)",
                  endpoint_.text(), port, name, tcp->own.public_key.str(), tcp->server_key.str()),
      {}};
}

}  // namespace drover::messaging
