// A body as a job: what is accepted must be accepted again from its own JSON.
#include "agent/core/job.h"

#include "fuzz_target.h"

using namespace drover;  // NOLINT: a program of one function

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  const auto body = json::parse(text);
  if (!body) {
    return 0;
  }
  const auto job = read_job(*body);
  if (!job) {
    fuzz::require(!job.error().faults.empty(), "a refused job has a fault");
    return 0;
  }
  const auto again = read_job(to_json(*job));
  fuzz::require(again.has_value(), "a job is accepted from its own JSON");
  fuzz::require(to_json(*again) == to_json(*job), "a job is what its JSON says");
  return 0;
}
