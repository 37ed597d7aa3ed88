#include "messaging/client/bus.h"

#include <sys/random.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <mutex>

namespace drover::messaging {
namespace {

// An answer is a record's body, whose bound is far below; this one only stops a mad node.
constexpr std::int64_t kMostMessage = std::int64_t{4} << 20;
constexpr int kReconnectMs = 250;
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

Bus::Bus(system::Path folder) : folder_(std::move(folder)), context_(1) {}

Result<std::shared_ptr<Bus>> Bus::open(system::Path folder) {
  seed_once();
  // libzmq would connect to a path that does not exist yet for ever, and say nothing.
  try {
    std::shared_ptr<Bus> bus(new Bus(std::move(folder)));
    TRY(bus->check("query.sock"));
    return bus;
  } catch (const zmq::error_t& error) {
    return fail(Code::broken, "make a messaging context: {}", error.what());
  }
}

Result<> Bus::check(std::string_view name) const {
  const std::string path = (folder_ / name).native();
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return fail(Code::invalid,
                "bus folder {}: its path is too long for a socket (at most {} bytes)",
                folder_.native(), sizeof(sockaddr_un::sun_path) - name.size() - 2);
  }
  struct stat found {};
  if (stat(path.c_str(), &found) != 0) {
    if (errno == EACCES) {
      return fail(Code::refused, "bus folder {}: permission denied (only root may use it)",
                  folder_.native());
    }
    return fail(Code::unavailable, "bus folder {}: no {} there ({}): is droverd running?",
                folder_.native(), name, std::strerror(errno));
  }
  if (!S_ISSOCK(found.st_mode)) {
    return fail(Code::invalid, "bus folder {}: {} is no socket", folder_.native(), name);
  }
  if (access(path.c_str(), W_OK) != 0) {
    return fail(Code::refused, "bus folder {}: {}: {}", folder_.native(), name,
                std::strerror(errno));
  }
  return {};
}

Result<zmq::socket_t> Bus::connect(zmq::socket_type type, std::string_view name) {
  TRY(check(name));
  const std::string address = "ipc://" + (folder_ / name).native();
  try {
    zmq::socket_t socket(context_, type);
    socket.set(zmq::sockopt::linger, kLingerMs);
    socket.set(zmq::sockopt::reconnect_ivl, kReconnectMs);
    socket.set(zmq::sockopt::maxmsgsize, kMostMessage);
    if (type == zmq::socket_type::sub) {
      socket.set(zmq::sockopt::rcvhwm, kMostWaitingEvents);
      socket.set(zmq::sockopt::subscribe, "");
    } else {
      // Only to a peer that is there: a request that waits for one would be delivered long after
      // its sender gave up.
      socket.set(zmq::sockopt::immediate, true);
    }
    socket.connect(address);
    return socket;
  } catch (const zmq::error_t& error) {
    return fail(Code::broken, "connect to {}: {}", address, error.what());
  }
}

Result<zmq::socket_t> Bus::dealer(std::string_view name) {
  return connect(zmq::socket_type::dealer, name);
}

Result<zmq::socket_t> Bus::subscriber(std::string_view name) {
  return connect(zmq::socket_type::sub, name);
}

Result<zmq::socket_t> Bus::monitor(const std::string& address) {
  try {
    zmq::socket_t socket(context_, zmq::socket_type::pair);
    socket.set(zmq::sockopt::linger, 0);
    socket.connect(address);
    return socket;
  } catch (const zmq::error_t& error) {
    return fail(Code::broken, "watch a connection: {}", error.what());
  }
}

Failure Bus::silent(std::string_view name) const {
  return fail(Code::unavailable, "bus folder {}: nobody answers at {}: is droverd running?",
              folder_.native(), name);
}

}  // namespace drover::messaging
