#include "agent/jobs/lanes.h"

#include <algorithm>

namespace drover::jobs {

void Lanes::offer(const std::string& lane) {
  const auto found = lanes_.find(lane);
  if (found != lanes_.end() && !busy_.contains(lane)) {
    const auto head = found->second.begin();
    ready(head->second.kind).insert(Head(head->second.rank, head->first, lane));
  }
}

void Lanes::add(const std::string& job, const std::string& lane, std::int64_t rank, Kind kind) {
  const std::size_t number = added_++;
  lanes_[lane].insert({number, Waiting{job, rank, kind}});
  known_.insert_or_assign(job, Known{lane, number, rank, kind});
  ++waiting_;
  offer(lane);
}

std::optional<std::string> Lanes::next() {
  const bool passing = !ready_passing_.empty() && passing_ < most_passing_;
  if (!passing && (ready_.empty() || !has_place())) {
    return std::nullopt;
  }
  Heads& heads = ready(passing ? Kind::passing : Kind::holding);
  const std::string lane = std::get<2>(*heads.begin());
  heads.erase(heads.begin());
  const auto found = lanes_.find(lane);
  const auto head = found->second.begin();
  std::string job = head->second.job;
  found->second.erase(head);
  if (found->second.empty()) {
    lanes_.erase(found);
  }
  --waiting_;
  running_.insert(job);
  if (passing) {
    ++passing_;
    offer(lane);
  } else {
    busy_.insert(lane);
  }
  return job;
}

void Lanes::rest(const std::string& job) {
  std::erase(woken_, job);  // it was asked to stop, did not wait for its place, and waits anew
  const bool runs = running_.contains(job) && known_.at(job).kind == Kind::holding;
  if (runs && (resting_.contains(job) || resting_.size() < most_resting_)) {
    resting_.insert(job);
  } else if (runs) {
    kept_.insert(job);
  }
}

void Lanes::wake(const std::string& job) {
  kept_.erase(job);
  if (!running_.contains(job)) {
    return;
  }
  if (resting_.contains(job)) {
    woken_.push_back(job);
  } else {
    woken_.push_front(job);  // it was not let rest, and has kept its place
  }
}

std::optional<std::string> Lanes::next_woken() {
  if (woken_.empty()) {
    return std::nullopt;
  }
  if (resting_.contains(woken_.front()) && !has_place()) {
    if (kept_.empty()) {
      return std::nullopt;
    }
    // Who waits without rest rests in its stead: all places may be with such, and what they wait
    // for with those that were woken.
    resting_.insert(kept_.extract(kept_.begin()).value());
  }
  std::string job = std::move(woken_.front());
  woken_.pop_front();
  resting_.erase(job);
  return job;
}

bool Lanes::leave(const std::string& job) {
  resting_.erase(job);
  kept_.erase(job);
  std::erase(woken_, job);
  return running_.erase(job) != 0;
}

void Lanes::finished(const std::string& job) {
  if (!leave(job)) {
    return;
  }
  const Known known = known_.extract(job).mapped();
  if (known.kind == Kind::passing) {
    --passing_;
    return;
  }
  busy_.erase(known.lane);
  offer(known.lane);
}

bool Lanes::hold_back(const std::string& job) {
  const auto known = known_.find(job);
  if (known == known_.end()) {
    return false;
  }
  const Known& it = known->second;
  const bool is_ready = ready(it.kind).erase(Head(it.rank, it.number, it.lane));
  if (is_ready) {
    busy_.insert(it.lane);
  }
  return is_ready;
}

bool Lanes::park(const std::string& job) {
  if (leave(job)) {
    const Known& known = known_.at(job);
    // All others of its lane came later: it is the head again.
    lanes_[known.lane].insert({known.number, Waiting{job, known.rank, known.kind}});
    ++waiting_;
  } else if (!hold_back(job)) {
    return false;
  }
  parked_.insert(job);
  return true;
}

void Lanes::unpark(const std::string& job) {
  if (parked_.erase(job) != 0) {
    const std::string& lane = known_.at(job).lane;
    busy_.erase(lane);
    offer(lane);
  }
}

bool Lanes::waits(const std::string& job) const {
  return known_.contains(job) && !running_.contains(job) && !parked_.contains(job);
}

bool Lanes::remove(const std::string& job) {
  if (!waits(job)) {
    return false;
  }
  const Known known = known_.extract(job).mapped();
  const auto lane = lanes_.find(known.lane);
  ready(known.kind).erase(Head(known.rank, known.number, known.lane));
  lane->second.erase(known.number);
  --waiting_;
  if (lane->second.empty()) {
    lanes_.erase(lane);
  }
  offer(known.lane);
  return true;
}

bool Lanes::occupy(const std::string& lane) {
  return !lanes_.contains(lane) && busy_.insert(lane).second;
}

void Lanes::vacate(const std::string& lane) {
  busy_.erase(lane);
  offer(lane);
}

std::optional<Lanes::Place> Lanes::place(const std::string& job) const {
  const auto found = known_.find(job);
  if (const auto woken = std::find(woken_.begin(), woken_.end(), job); woken != woken_.end()) {
    return Place{Place::For::worker, found->second.lane,
                 static_cast<std::size_t>(woken - woken_.begin())};
  }
  if (found == known_.end() || running_.contains(job)) {
    return std::nullopt;
  }
  const Known& known = found->second;
  if (parked_.contains(job)) {
    return Place{Place::For::attempt, known.lane, 0};
  }
  const Lane& lane = lanes_.at(known.lane);
  std::size_t before = lane.order_of_key(known.number);
  // A parked job stands in the lane itself.
  const bool runs = busy_.contains(known.lane) && !parked_.contains(lane.begin()->second.job);
  before += runs ? 1 : 0;
  if (before > 0) {
    return Place{Place::For::lane, known.lane, before};
  }
  return Place{Place::For::worker, known.lane,
               ready(known.kind).order_of_key(Head(known.rank, known.number, known.lane))};
}

}  // namespace drover::jobs
