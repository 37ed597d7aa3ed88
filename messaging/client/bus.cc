#include "messaging/client/bus.h"

#include <sys/random.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <optional>

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

Bus::Bus(std::vector<NodeEndpoint> endpoints, bool is_cluster)
    : endpoints_(std::move(endpoints)), is_cluster_(is_cluster), context_(1) {}

Result<std::shared_ptr<Bus>> Bus::open(NodeEndpoint endpoint) {
  seed_once();
  try {
    std::shared_ptr<Bus> bus(new Bus({std::move(endpoint)}, false));
    // libzmq would connect to what does not exist yet for ever, and say nothing.
    TRY(bus->address_of(0, "query.sock"));
    return bus;
  } catch (const zmq::error_t& error) {
    return fail(Code::broken, "make a messaging context: {}", error.what());
  }
}

Result<std::shared_ptr<Bus>> Bus::open(ClusterEndpoint cluster) {
  seed_once();
  if (cluster.dispatchers.empty()) {
    return fail(Code::invalid, "a cluster is known by its dispatchers, and none was named");
  }
  const auto is_here = [](const NodeEndpoint& endpoint) { return endpoint.tcp() == nullptr; };
  if (cluster.dispatchers.size() > 1 &&
      std::any_of(cluster.dispatchers.begin(), cluster.dispatchers.end(), is_here)) {
    return fail(Code::invalid,
                "of several dispatchers each must be one over tcp, and none a folder");
  }
  try {
    std::shared_ptr<Bus> bus(new Bus(std::move(cluster.dispatchers), true));
    Result<std::string> address = bus->address_of(0, "query.sock");
    for (std::size_t which = 1; which < bus->size() && !address; ++which) {
      bus->give_up(which - 1);
      address = bus->address_of(which, "query.sock");
    }
    TRY(std::move(address));
    return bus;
  } catch (const zmq::error_t& error) {
    return fail(Code::broken, "make a messaging context: {}", error.what());
  }
}

void Bus::give_up(std::size_t which) {
  current_.compare_exchange_strong(which, (which + 1) % size());
}

std::string_view Bus::served(std::string_view name) const {
  return is_cluster_ && name != "events.sock" ? "clients.sock" : name;
}

std::uint16_t Bus::port_at(const TcpEndpoint& tcp, std::string_view name) const {
  return is_cluster_ ? dispatcher_port_of(served(name), tcp.address.port)
                     : port_of(name, tcp.address.port);
}

std::string Bus::text(std::size_t which) const {
  const TcpEndpoint* tcp = endpoints_[which].tcp();
  return is_cluster_ && tcp != nullptr ? "dispatcher " + tcp->address.text()
                                       : endpoints_[which].text();
}

Result<> Bus::check_file(std::size_t which, std::string_view name) const {
  const std::string path = (*endpoints_[which].folder() / name).native();
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return fail(Code::invalid, "{}: its path is too long for a socket (at most {} bytes)",
                text(which), sizeof(sockaddr_un::sun_path) - name.size() - 2);
  }
  struct stat found {};
  if (stat(path.c_str(), &found) != 0) {
    if (errno == EACCES) {
      return fail(Code::refused, "{}: permission denied (only root may use it)", text(which));
    }
    return fail(Code::unavailable, "{}: no {} there ({}): is {} running?", text(which), name,
                std::strerror(errno), program());
  }
  if (!S_ISSOCK(found.st_mode)) {
    return fail(Code::invalid, "{}: {} is no socket", text(which), name);
  }
  if (access(path.c_str(), W_OK) != 0) {
    return fail(Code::refused, "{}: {}: {}", text(which), name, std::strerror(errno));
  }
  return {};
}

/// As libzmq wants it, once there is something.
Result<std::string> Bus::address_of(std::size_t which, std::string_view name) const {
  if (const TcpEndpoint* tcp = endpoints_[which].tcp()) {
    const std::string host = TRY(resolve(tcp->address.host).context(text(which)));
    return TcpAddress{host, port_at(*tcp, name)}.text();
  }
  TRY(check_file(which, served(name)));
  return "ipc://" + (*endpoints_[which].folder() / served(name)).native();
}

void Bus::set_keys(zmq::socket_t& socket, const TcpEndpoint& tcp) const {
  std::string secret(tcp.own.secret_key.text());
  socket.set(zmq::sockopt::curve_serverkey, tcp.server_key.str());
  socket.set(zmq::sockopt::curve_publickey, tcp.own.public_key.str());
  socket.set(zmq::sockopt::curve_secretkey, secret);
  wipe(secret);
}

Result<zmq::socket_t> Bus::make(zmq::socket_type type, std::size_t which, std::string_view name) {
  try {
    zmq::socket_t socket(context_, type);
    socket.set(zmq::sockopt::linger, kLingerMs);
    socket.set(zmq::sockopt::maxmsgsize, kMostMessage);
    if (const TcpEndpoint* tcp = endpoints_[which].tcp()) {
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
    return fail(Code::broken, "{}: make a socket for {}: {}", text(which), name, error.what());
  }
}

Result<> Bus::connect(zmq::socket_t& socket, std::size_t which, std::string_view name) {
  const std::string address = TRY(address_of(which, name));
  try {
    // A connection has the options that its socket has when it is begun: a SUB of several
    // dispatchers knows each by its own key.
    if (const TcpEndpoint* tcp = endpoints_[which].tcp()) {
      set_keys(socket, *tcp);
    }
    // Not for every one: where the kernel has no IPv6 it would be in the way of IPv4.
    socket.set(zmq::sockopt::ipv6, address.starts_with("tcp://["));
    socket.connect(address);
    return {};
  } catch (const zmq::error_t& error) {
    return fail(Code::broken, "connect to {}: {}", address, error.what());
  }
}

Result<zmq::socket_t> Bus::dealer(std::size_t which, std::string_view name) {
  return make(zmq::socket_type::dealer, which, name);
}

Result<zmq::socket_t> Bus::subscriber(std::string_view name) {
  zmq::socket_t socket = TRY(make(zmq::socket_type::sub, 0, name));
  std::optional<Error> last;
  std::size_t begun = 0;
  for (std::size_t which = 0; which < size(); ++which) {
    const Result<> connected = connect(socket, which, name);
    begun += connected ? 1 : 0;
    if (!connected) {
      last = connected.error();
    }
  }
  if (begun == 0) {
    return Failure(std::move(*last));
  }
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

std::string_view Bus::question(std::size_t which) const {
  const bool is_here = endpoints_[which].tcp() == nullptr;
  if (is_cluster_) {
    return is_here ? "is drover-dispatch running?"
                   : "is drover-dispatch running there, and allows it this key still?";
  }
  return is_here ? "is droverd running?"
                 : "is droverd running there, and allows it this key still?";
}

Error Bus::silent(std::size_t which, std::string_view name, Plight plight) const {
  const TcpEndpoint* tcp = endpoints_[which].tcp();
  if (tcp == nullptr) {
    return {Code::unavailable,
            fmt::format("{}: nobody answers at {}: is {} running?", text(which), served(name),
                        program()),
            {}};
  }
  if (plight == Plight::no_handshake) {
    return not_let_in(*tcp, which, name);
  }
  const std::string asked =
      is_cluster_ ? fmt::format(
                        "is drover-dispatch running there, and do firewalls let {} and {} "
                        "through?",
                        tcp->address.port + 1, tcp->address.port + 2)
                  : fmt::format(
                        "is droverd running there, with bus.tcp in its configuration, and "
                        "do firewalls let {} to {} through?",
                        tcp->address.port, tcp->address.port + 4);
  return {Code::unavailable,
          fmt::format("{}: nobody takes a connection at port {} ({}): {}", text(which),
                      port_at(*tcp, name), served(name), asked),
          {}};
}

Error Bus::not_let_in(const TcpEndpoint& tcp, std::size_t which, std::string_view name) const {
  const std::string_view who = is_cluster_ ? "dispatcher" : "node";
  const std::string_view folder = is_cluster_ ? " for the folder /etc/drover/dispatch/keys" : "";
  return {Code::timed_out,
          fmt::format("{}: port {} ({}) does not let us in: either the {} does not allow the key "
                      "{} what is asked for there (`drover keys allow` on the {}{}), or the {}'s "
                      "own key is not {} (`drover keys show` on the {})",
                      text(which), port_at(tcp, name), served(name), who, tcp.own.public_key.str(),
                      who, folder, who, tcp.server_key.str(), who),
          {}};
}

}  // namespace drover::messaging
