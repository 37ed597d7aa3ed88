#include "agent/jobs/lanes.h"

#include <algorithm>
#include <iterator>

namespace drover::jobs {

void Lanes::offer(const std::string& lane) {
  const auto found = lanes_.find(lane);
  if (found != lanes_.end() && !busy_.contains(lane)) {
    const Waiting& head = found->second.front();
    ready_.emplace(head.rank, head.number, lane);
  }
}

void Lanes::add(const std::string& job, const std::string& lane, std::int64_t rank) {
  lanes_[lane].push_back(Waiting{job, rank, added_++});
  lane_of_[job] = lane;
  ++waiting_;
  offer(lane);
}

std::optional<std::string> Lanes::next() {
  if (ready_.empty() || running_.size() >= most_) {
    return std::nullopt;
  }
  const std::string lane = std::get<2>(*ready_.begin());
  ready_.erase(ready_.begin());
  const auto found = lanes_.find(lane);
  Waiting head = std::move(found->second.front());
  found->second.pop_front();
  if (found->second.empty()) {
    lanes_.erase(found);
  }
  --waiting_;
  busy_.insert(lane);
  std::string job = head.job;
  running_.emplace(job, Running{lane, std::move(head)});
  return job;
}

void Lanes::finished(const std::string& job) {
  const auto found = running_.find(job);
  if (found == running_.end()) {
    return;
  }
  const std::string lane = found->second.lane;
  running_.erase(found);
  lane_of_.erase(job);
  busy_.erase(lane);
  offer(lane);
}

void Lanes::park(const std::string& job) {
  const auto found = running_.find(job);
  if (found == running_.end()) {
    return;
  }
  lanes_[found->second.lane].push_front(std::move(found->second.as));
  running_.erase(found);
  parked_.insert(job);
  ++waiting_;
}

void Lanes::unpark(const std::string& job) {
  if (parked_.erase(job) != 0) {
    const std::string& lane = lane_of_.at(job);
    busy_.erase(lane);
    offer(lane);
  }
}

bool Lanes::remove(const std::string& job) {
  const auto known = lane_of_.find(job);
  if (known == lane_of_.end() || running_.contains(job) || parked_.contains(job)) {
    return false;
  }
  const std::string lane = known->second;
  lane_of_.erase(known);
  std::deque<Waiting>& queue = lanes_.at(lane);
  ready_.erase({queue.front().rank, queue.front().number, lane});
  std::erase_if(queue, [&job](const Waiting& waiting) { return waiting.job == job; });
  --waiting_;
  if (queue.empty()) {
    lanes_.erase(lane);
  }
  offer(lane);
  return true;
}

std::optional<Lanes::Place> Lanes::place(const std::string& job) const {
  const auto known = lane_of_.find(job);
  if (known == lane_of_.end() || running_.contains(job)) {
    return std::nullopt;
  }
  const std::string& lane = known->second;
  if (parked_.contains(job)) {
    return Place{Place::For::attempt, lane, 0};
  }
  const std::deque<Waiting>& queue = lanes_.at(lane);
  const auto at = std::find_if(queue.begin(), queue.end(),
                               [&job](const Waiting& waiting) { return waiting.job == job; });
  auto before = static_cast<std::size_t>(at - queue.begin());
  // A parked job stands in the queue itself.
  const bool runs = busy_.contains(lane) && !parked_.contains(queue.front().job);
  before += runs ? 1 : 0;
  if (before > 0) {
    return Place{Place::For::lane, lane, before};
  }
  const auto ready = ready_.find({at->rank, at->number, lane});
  return Place{Place::For::worker, lane,
               static_cast<std::size_t>(std::distance(ready_.begin(), ready))};
}

}  // namespace drover::jobs
