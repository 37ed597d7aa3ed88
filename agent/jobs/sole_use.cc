#include "agent/jobs/sole_use.h"

#include <algorithm>

namespace drover::jobs {

bool SoleUse::take(const std::string& thing, const std::string& job) {
  std::deque<std::string>& line = lines_[thing];
  if (wanted_.emplace(job, thing).second) {
    line.push_back(job);
  }
  return line.front() == job;
}

std::optional<std::string> SoleUse::leave(const std::string& job) {
  const auto wanted = wanted_.find(job);
  if (wanted == wanted_.end()) {
    return std::nullopt;
  }
  const auto found = lines_.find(wanted->second);
  std::deque<std::string>& line = found->second;
  const bool had_it = line.front() == job;
  std::erase(line, job);
  wanted_.erase(wanted);
  if (line.empty()) {
    lines_.erase(found);
    return std::nullopt;
  }
  return had_it ? std::optional(line.front()) : std::nullopt;
}

std::optional<std::size_t> SoleUse::before(const std::string& thing, const std::string& job) const {
  const auto line = lines_.find(thing);
  if (line == lines_.end()) {
    return std::nullopt;
  }
  const auto place = std::find(line->second.begin(), line->second.end(), job);
  if (place == line->second.begin() || place == line->second.end()) {
    return std::nullopt;
  }
  return static_cast<std::size_t>(place - line->second.begin()) - 1;
}

}  // namespace drover::jobs
