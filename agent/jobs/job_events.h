// What is told of a job in more than one place: that it waits, and how it ended.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "agent/core/job.h"
#include "agent/jobs/journal/books.h"

namespace drover::jobs {

/// `thing` as "storage local"; `before`: how many jobs come first.
Event waiting_event(const JobRequest& request, const std::string& thing, std::size_t before);

/// Writes the end of a job and tells it. `outcome` is what it gave or its error. Loop's thread.
Result<> write_end(Books& books, const std::string& job, const std::string& target,
                   const Result<json::Value>& outcome, std::int64_t now_unix_ms);

}  // namespace drover::jobs
