#include "agent/jobs/lanes.h"

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
  if (!passing && (ready_.empty() || running_.size() - passing_ >= most_)) {
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

void Lanes::finished(const std::string& job) {
  if (running_.erase(job) == 0) {
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

void Lanes::park(const std::string& job) {
  if (running_.erase(job) == 0) {
    return;
  }
  const Known& known = known_.at(job);
  // All others of its lane came later: it is the head again.
  lanes_[known.lane].insert({known.number, Waiting{job, known.rank, known.kind}});
  parked_.insert(job);
  ++waiting_;
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
