// Peers: numbers for the clients of the front, so that droverd never sees a routing id.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "messaging/front/unread.h"

namespace drover::messaging {

/// At most `most` clients are remembered; of more, the one that was silent longest is forgotten,
/// and answers to it go nowhere. For one thread.
class Peers {
 public:
  struct Address {
    std::size_t door;        ///< which of the front's sockets
    std::string routing_id;  ///< on that socket; made by libzmq, means nothing else
    /// Whose key it is that the client has proven to have; "" on sockets without keys. A routing
    /// id alone is nobody's: whoever comes later may have it too.
    std::string name{};
    std::string key{};
    bool operator<(const Address& other) const {
      return std::tie(door, routing_id, name, key) <
             std::tie(other.door, other.routing_id, other.name, other.key);
    }
  };
  struct Peer {
    std::uint64_t number;
    Address address;
    Unread unread;
  };

  /// Numbers begin at `first`, another one for each front: droverd may have answers yet for the
  /// clients of the front before.
  Peers(std::size_t most, std::uint64_t first);

  /// The client, with a new number when it is a new one. Numbers are never used again. It holds
  /// until the next call.
  Peer& meet(const Address& address);
  /// nullptr when it is not remembered.
  Peer* find(std::uint64_t number);
  /// Forgets those for which it holds; returns their numbers.
  std::vector<std::uint64_t> forget_if(const std::function<bool(const Peer&)>& which);
  /// What waits for all of them together.
  const Unread::Count& unread() const { return unread_; }
  std::size_t size() const { return by_address_.size(); }

 private:
  using Place = std::list<Peer>::iterator;

  Place forget(Place place);

  std::size_t most_;
  std::uint64_t next_;
  Unread::Count unread_;
  std::list<Peer> peers_;  // silent longest first
  std::map<Address, Place> by_address_;
  std::unordered_map<std::uint64_t, Place> by_number_;
};

/// Where the numbers of a process begin: far from those of the one before, to whose clients
/// somebody may have answers yet, and with room above. Throws std::system_error.
std::uint64_t first_peer();

}  // namespace drover::messaging
