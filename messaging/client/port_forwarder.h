// PortForwarder: local TCP ports that lead to ports inside a container.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/core/json.h"
#include "agent/system/loop.h"
#include "agent/system/unique_fd.h"
#include "messaging/client/client.h"
#include "messaging/client/stream_connection.h"

namespace drover::messaging {

struct Incoming;

/// Has a socket of its own, on the client's context; for one thread. Each connection that is
/// accepted here is one inside, both ways at once, and whichever way ends first. When the
/// connection to the node breaks they are all closed, and later ones go by a new one.
class PortForwarder {
 public:
  PortForwarder(const Client& client, std::string container);
  ~PortForwarder();
  PortForwarder(const PortForwarder&) = delete;
  PortForwarder& operator=(const PortForwarder&) = delete;

  /// Listens on 127.0.0.1, on any port that is free when `local` is 0; which one. `conflict` when
  /// it is in use.
  Result<std::uint16_t> listen(std::uint16_t local, std::uint16_t inner);
  /// Until `stop`, which is `cancelled`. `trouble` hears why a connection was broken off.
  Result<> run(const system::Stop& stop,
               const std::function<void(const std::string& why)>& trouble);

 private:
  struct Connection {
    system::UniqueFd socket{};
    std::uint16_t inner = 0;
    std::uint64_t rq = 0;  // 0: not asked for yet
    std::uint32_t watched = 0;
    // From here to the program inside:
    std::string held{};  // from taken on
    std::uint64_t taken = 0;
    std::uint64_t sent = 0;
    std::uint64_t until = 0;
    bool read_all = false;
    bool finish_sent = false;
    bool finished = false;
    // From it:
    std::string waiting{};
    std::uint64_t received = 0;
    std::uint64_t credit = 0;  // as the node was told
    bool ended = false;
    bool shut = false;
    std::uint64_t end() const { return taken + held.size(); }
  };
  using Connections = std::map<std::uint64_t, Connection>;

  void accept_from(int listener, std::uint16_t inner);
  Result<> open_waiting(system::Instant until, const system::Stop& stop);
  Result<> take(const Incoming& message);
  /// These tell by false that the connection is over, and dropped.
  bool take_word(Connections::iterator at, const std::string& kind, const json::Value& body);
  bool take_data(Connections::iterator at, const Incoming& message);
  void ready(std::uint64_t number, std::uint32_t events);
  bool read_local(Connections::iterator at);
  bool write_local(Connections::iterator at);
  /// Sends what may be sent, and waits for what there is to wait for.
  void go_on(Connections::iterator at);
  bool send_waiting(Connection& connection);
  bool send(const Connection& connection, std::string_view kind, const json::Object& body,
            const json::Object& more = {}, std::string_view data = {});
  /// Of all: what was lost comes once more.
  void ask_again();
  void send_later();
  void watch(Connections::iterator at);
  void fail_one(Connections::iterator at, const std::string& why);
  void drop(Connections::iterator at);
  void drop_all(const std::string& why);

  StreamConnection node_;
  system::Duration patience_;
  std::string container_;
  system::SystemClock clock_;
  system::Loop loop_{clock_};
  std::vector<system::UniqueFd> listeners_;
  Connections connections_;
  std::uint64_t last_number_ = 0;
  bool is_later_ = false;
  std::optional<system::Instant> waits_since_{};  // for the node
  std::function<void(const std::string& why)> trouble_;
};

}  // namespace drover::messaging
