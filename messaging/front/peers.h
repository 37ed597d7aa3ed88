// Peers: numbers for the clients of the front, so that droverd never sees a routing id.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

namespace drover::messaging {

/// At most `most` clients are remembered; of more, the one that was silent longest is forgotten,
/// and answers to it go nowhere. For one thread.
class Peers {
 public:
  struct Address {
    std::size_t socket;      ///< which of the front's sockets
    std::string routing_id;  ///< on that socket; made by libzmq, means nothing else
    bool operator<(const Address& other) const {
      return std::pair(socket, routing_id) < std::pair(other.socket, other.routing_id);
    }
  };

  explicit Peers(std::size_t most) : most_(most) {}

  /// The client's number, a new one for a new client. Numbers are never used again.
  std::uint64_t number_of(const Address& address);
  std::optional<Address> find(std::uint64_t number) const;
  std::size_t size() const { return numbers_.size(); }

 private:
  struct Entry {
    std::uint64_t number;
    std::list<std::map<Address, Entry>::iterator>::iterator place;  // in by_use_
  };

  std::size_t most_;
  std::uint64_t next_ = 1;
  std::map<Address, Entry> numbers_;
  std::unordered_map<std::uint64_t, std::map<Address, Entry>::iterator> addresses_;
  std::list<std::map<Address, Entry>::iterator> by_use_;  // silent longest first
};

}  // namespace drover::messaging
