#include "agent/jobs/job_events.h"

#include <utility>

namespace drover::jobs {
namespace {

json::Value result_of(const Error& error) {
  json::Object object{{"code", to_string(error.code)}, {"message", error.message}};
  if (!error.faults.empty()) {
    json::Array faults;
    for (const Fault& fault : error.faults) {
      faults.emplace_back(json::Object{{"pointer", fault.pointer}, {"message", fault.message}});
    }
    object.set("faults", std::move(faults));
  }
  return json::Object{{"error", std::move(object)}};
}

}  // namespace

Event waiting_event(const JobRequest& request, const std::string& thing, std::size_t before) {
  return Event{.kind = "job",
               .object = request.id.str(),
               .what = "waiting",
               .job = request.id.str(),
               .data = {{"for", thing}, {"before", before}, {"target", request.target}}};
}

Result<> write_end(Books& books, const std::string& job, const std::string& target,
                   const Result<json::Value>& outcome, std::int64_t now_unix_ms) {
  JobState state = JobState::succeeded;
  json::Value result;
  if (outcome) {
    result = *outcome;
  } else {
    state = outcome.error().code == Code::cancelled ? JobState::cancelled : JobState::failed;
    result = result_of(outcome.error());
  }
  TRY(books.journal().set_job(job, state, json::write(result), now_unix_ms));
  json::Object data{{"target", target}};
  if (result.object() != nullptr) {
    for (const auto& [key, value] : *result.object()) {
      // Of container.migrate; whoever wants it asks for the job.
      if (key != "spec") {
        data.set(key, value);
      }
    }
  }
  return books.tell(Event{.kind = "job",
                          .object = job,
                          .what = std::string(to_string(state)),
                          .job = job,
                          .data = std::move(data)});
}

}  // namespace drover::jobs
