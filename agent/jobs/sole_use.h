// SoleUse: things that one job at a time has for as long as it runs.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>

namespace drover::jobs {

/// First come, first served. Unlike Turns it is asked before a job is begun, so that who waits
/// takes no thread: what takes hours may have a long line. Belongs to one thread.
class SoleUse {
 public:
  /// True when the job has the thing, now or since long; else it stands in the thing's line, at the
  /// place that it had there. A job is in one line at a time.
  bool take(const std::string& thing, const std::string& job);
  /// Gives back what the job has, or takes it out of the line that it stands in; of a job that does
  /// neither nothing. Gives the job that has the thing now instead of it.
  std::optional<std::string> leave(const std::string& job);
  /// How many stand in the line before it; none when it does not stand in that one.
  std::optional<std::size_t> before(const std::string& thing, const std::string& job) const;

 private:
  std::map<std::string, std::deque<std::string>> lines_;  // who has it goes first; none is empty
  std::unordered_map<std::string, std::string> wanted_;   // by the jobs of all lines: their thing
};

}  // namespace drover::jobs
