#include "messaging/front/peers.h"

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
    by_address_.erase(peers_.front().address);
    by_number_.erase(peers_.front().number);
    peers_.pop_front();
  }
  return *place;
}

Peers::Peer* Peers::find(std::uint64_t number) {
  const auto found = by_number_.find(number);
  return found == by_number_.end() ? nullptr : &*found->second;
}

}  // namespace drover::messaging
