#include "messaging/front/peers.h"

#include <sys/random.h>

#include <cerrno>
#include <system_error>

namespace drover::messaging {

Peers::Peers(std::size_t most, std::uint64_t first)
    : most_(most), next_(first), unread_(std::make_shared<std::atomic<std::size_t>>(0)) {}

Peers::Peer& Peers::meet(const Address& address) {
  if (const auto known = by_address_.find(address); known != by_address_.end()) {
    peers_.splice(peers_.end(), peers_, known->second);
    return *known->second;
  }
  const Place place = peers_.insert(peers_.end(), Peer{next_++, address, Unread(unread_)});
  by_address_.emplace(address, place);
  by_number_.emplace(place->number, place);
  if (peers_.size() > most_) {
    forget(peers_.begin());
  }
  return *place;
}

Peers::Place Peers::forget(Place place) {
  by_address_.erase(place->address);
  by_number_.erase(place->number);
  return peers_.erase(place);
}

std::vector<std::uint64_t> Peers::forget_if(const std::function<bool(const Peer&)>& which) {
  std::vector<std::uint64_t> numbers;
  for (Place at = peers_.begin(); at != peers_.end();) {
    if (which(*at)) {
      numbers.push_back(at->number);
      at = forget(at);
    } else {
      ++at;
    }
  }
  return numbers;
}

Peers::Peer* Peers::find(std::uint64_t number) {
  const auto found = by_number_.find(number);
  return found == by_number_.end() ? nullptr : &*found->second;
}

std::uint64_t first_peer() {
  std::uint64_t number = 0;
  if (getrandom(&number, sizeof number, 0) != static_cast<ssize_t>(sizeof number)) {
    throw std::system_error(errno, std::generic_category(), "getrandom");
  }
  return (number >> 2) + 1;  // within JSON's whole numbers
}

}  // namespace drover::messaging
