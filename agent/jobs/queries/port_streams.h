// PortStreams: connections of clients to TCP ports inside containers, both ways at once.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "agent/core/json.h"
#include "agent/jobs/journal/journal.h"
#include "agent/jobs/node.h"
#include "agent/jobs/queries/answerers.h"
#include "agent/jobs/queries/log_streams.h"
#include "agent/system/loop.h"
#include "agent/system/unique_fd.h"

namespace drover::jobs {

/// Belongs to the loop's thread, and never waits: others enter the containers. Each direction has
/// its own offsets and credit and ends by itself. A connection is over with its container, its
/// client, the front or the agent, since neither end could tell what the other has read: nothing
/// is taken up again.
class PortStreams {
 public:
  using Address = LogStreams::Address;
  using Send = LogStreams::Send;

  static constexpr std::size_t kWindow = std::size_t{128} * 1024;  ///< ahead of what is inside
  static constexpr std::uint64_t kMostCredit = std::uint64_t{256} * 1024;
  static constexpr std::size_t kMost = 1024;
  static constexpr std::size_t kMostOfOne = 256;  ///< of one connection

  PortStreams(system::Loop& loop, Journal& journal, const Node& node, Send send);
  ~PortStreams();
  PortStreams(const PortStreams&) = delete;
  PortStreams& operator=(const PortStreams&) = delete;

  /// Connects as `body` of "port.open" says: {"name", "port", "until"}. What becomes of it is told
  /// later. `not_found` when there is no such container, `conflict` when it does not run, or too
  /// many are open.
  Result<> open(const Address& address, const json::Value& body);
  /// `data` of the client begins at `offset`. `not_found` when the connection is over, `invalid`
  /// when it is more than was allowed.
  Result<> take(const Address& address, std::uint64_t offset, std::string_view data);
  /// The client sends no more, from the offset on that `body` of "port.finish" says.
  Result<> finish(const Address& address, const json::Value& body);
  /// The client takes bytes before the offset "until" of `body`. Of one that is over it is ignored.
  Result<> credit(const Address& address, const json::Value& body);
  void close(const Address& address);
  /// All of this client, which hears nothing more.
  void close_of(std::uint64_t peer);
  /// All clients are gone: the front was started anew.
  void close_all();

  /// The container has ended, and its connections with it.
  void ended(const std::string& container);

 private:
  struct Connection {
    std::uint64_t number = 0;  // tells it from an earlier one of the same address
    std::string container;
    system::UniqueFd socket{};
    bool connected = false;
    std::uint32_t watched = 0;
    // To the program inside:
    std::string waiting{};
    std::uint64_t taken = 0;
    bool finishing = false;
    bool finished = false;
    // From it:
    std::uint64_t sent = 0;
    std::uint64_t until = 0;
    bool ended = false;
    std::uint64_t received() const { return taken + waiting.size(); }
  };
  using Connections = std::map<Address, Connection>;

  Result<> check_room(const Address& address) const;
  Result<Connections::iterator> find_open(const Address& address);
  void made(const Address& address, std::uint64_t number, const Result<json::Value>& outcome,
            system::UniqueFd socket);
  void ready(const Address& address, std::uint32_t events);
  void see_connected(Connections::iterator connection);
  /// Both leave a connection that is over to `go_on`; false when they have dropped it.
  bool push(Connections::iterator connection, bool always);
  bool pull(Connections::iterator connection);
  /// Waits for what there is to wait for, or drops it when both directions have ended.
  void go_on(Connections::iterator connection);
  void tell(const Connections::iterator& connection, std::string_view kind, json::Object body);
  void tell_taken(const Connections::iterator& connection, std::string_view kind,
                  const std::uint64_t* from = nullptr);
  void fail_one(Connections::iterator connection, const Error& error);
  Connections::iterator drop(Connections::iterator connection);

  system::Loop& loop_;
  Journal& journal_;
  const Node& node_;
  Send send_;
  Connections connections_;
  std::uint64_t last_number_ = 0;
  Answerers openers_;  // the last: whoever connects is waited for first
};

}  // namespace drover::jobs
