// Channel: one DEALER to one of the node's sockets, speaking in messages.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <zmq.hpp>

#include "agent/system/clock.h"
#include "messaging/client/bus.h"
#include "messaging/message.h"

namespace drover::messaging {

/// A message of the node's; its body is not read yet.
struct Incoming {
  Header header;
  std::string body;
  std::string data;
};

/// For one thread.
class Channel {
 public:
  /// `name`: of the socket in the bus folder, a literal. Of a cluster, to the dispatcher that is
  /// talked with now.
  static Result<Channel> open(std::shared_ptr<Bus> bus, std::string_view name);
  ~Channel();
  Channel(Channel&&) = default;
  Channel& operator=(Channel&&) = delete;
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  /// True when it was handed to a connection, which proves nothing about its arrival; false when
  /// there was none until `until`.
  Result<bool> send(std::string_view kind, std::uint64_t rq, const std::string& body,
                    system::Instant until, const system::Stop& stop);
  /// Members that the header of each message has from now on: "to" in a cluster.
  void set_members(json::Object members) { members_ = std::move(members); }
  /// Sends when that is possible at once; otherwise nothing happens. `more` are members of the
  /// header besides v, kind, rq and those; without `data` there is no third frame.
  Result<bool> send_now(std::string_view kind, std::uint64_t rq, const std::string& body,
                        const json::Object& more = {}, std::string_view data = {});
  /// The next message; none at `until`, when the connection was lost, or when one of at most three
  /// `wakes` is readable. What cannot be read is passed over.
  Result<std::optional<Incoming>> receive(system::Instant until, const system::Stop& stop,
                                          std::span<const int> wakes = {});

  /// Whether the connection broke since it was opened: whatever the node kept for it is gone.
  bool lost() const { return lost_; }
  bool was_connected() const { return connected_; }
  /// There is a connection at this moment, as far as we were told.
  bool is_connected();
  /// Why there is none, as far as can be seen from here.
  Plight plight();
  /// The same as an error, with what can be done.
  Error silent() { return bus_->silent(which_, name_, plight()); }
  /// Which of the bus's endpoints it is connected to.
  std::size_t which() const { return which_; }
  /// Why the last message that could not be read was passed over; "" when there was none.
  const std::string& trouble() const { return trouble_; }
  std::string_view name() const { return name_; }

 private:
  Channel(std::shared_ptr<Bus> bus, std::size_t which, std::string_view name, zmq::socket_t monitor,
          zmq::socket_t socket);
  std::optional<Incoming> read_message();
  /// Throws zmq::error_t.
  void read_monitor();
  void look_at_monitor();

  // libzmq's context waits for its sockets, so it must be the last to go.
  std::shared_ptr<Bus> bus_;
  std::size_t which_;
  std::string_view name_;
  json::Object members_{};
  zmq::socket_t monitor_;
  zmq::socket_t socket_;
  bool connected_ = false;
  bool agreed_ = false;  // its handshake was completed, and it has not broken since
  Plight plight_ = Plight::nobody;
  bool lost_ = false;
  std::string trouble_;
};

}  // namespace drover::messaging
