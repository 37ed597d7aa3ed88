#include "messaging/front/peers.h"

namespace drover::messaging {

std::uint64_t Peers::number_of(const Address& address) {
  const auto [entry, is_new] = numbers_.try_emplace(address);
  if (is_new) {
    entry->second.number = next_++;
    entry->second.place = by_use_.insert(by_use_.end(), entry);
    addresses_.emplace(entry->second.number, entry);
    if (numbers_.size() > most_) {
      const auto silent = by_use_.front();
      by_use_.pop_front();
      addresses_.erase(silent->second.number);
      numbers_.erase(silent);
    }
  } else {
    by_use_.splice(by_use_.end(), by_use_, entry->second.place);
  }
  return entry->second.number;
}

std::optional<Peers::Address> Peers::find(std::uint64_t number) const {
  const auto found = addresses_.find(number);
  if (found == addresses_.end()) {
    return std::nullopt;
  }
  return found->second->first;
}

}  // namespace drover::messaging
