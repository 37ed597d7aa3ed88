#include "agent/jobs/lanes.h"

#include <algorithm>

namespace drover::jobs {

void Lanes::offer(const std::string& lane) {
  const auto found = lanes_.find(lane);
  if (found != lanes_.end() && !busy_.contains(lane)) {
    ready_.emplace(found->second.front().number, lane);
  }
}

void Lanes::add(const std::string& job, const std::string& lane) {
  lanes_[lane].push_back(Waiting{job, added_++});
  lane_of_[job] = lane;
  ++waiting_;
  offer(lane);
}

std::optional<std::string> Lanes::next() {
  if (ready_.empty() || running_.size() >= most_) {
    return std::nullopt;
  }
  const std::string lane = ready_.begin()->second;
  ready_.erase(ready_.begin());
  const auto found = lanes_.find(lane);
  std::string job = std::move(found->second.front().job);
  found->second.pop_front();
  if (found->second.empty()) {
    lanes_.erase(found);
  }
  --waiting_;
  busy_.insert(lane);
  running_.emplace(job, lane);
  return job;
}

void Lanes::finished(const std::string& job) {
  const auto found = running_.find(job);
  if (found == running_.end()) {
    return;
  }
  const std::string lane = found->second;
  running_.erase(found);
  lane_of_.erase(job);
  busy_.erase(lane);
  offer(lane);
}

bool Lanes::remove(const std::string& job) {
  const auto known = lane_of_.find(job);
  if (known == lane_of_.end() || running_.contains(job)) {
    return false;
  }
  const std::string lane = known->second;
  lane_of_.erase(known);
  std::deque<Waiting>& queue = lanes_.at(lane);
  ready_.erase({queue.front().number, lane});
  std::erase_if(queue, [&job](const Waiting& waiting) { return waiting.job == job; });
  --waiting_;
  if (queue.empty()) {
    lanes_.erase(lane);
  }
  offer(lane);
  return true;
}

}  // namespace drover::jobs
