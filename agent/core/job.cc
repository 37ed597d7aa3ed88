#include "agent/core/job.h"

#include <algorithm>
#include <array>
#include <utility>

namespace drover {
namespace {

constexpr std::array<std::string_view, 5> kStates = {"queued", "running", "succeeded", "failed",
                                                     "cancelled"};
constexpr std::int64_t kMostPriority = 100;
constexpr std::int64_t kMostAttempts = 20;

}  // namespace

std::string_view to_string(JobState state) {
  return kStates.at(static_cast<std::size_t>(state));
}
std::optional<JobState> job_state_from(std::string_view name) {
  const auto found = std::find(kStates.begin(), kStates.end(), name);
  return found == kStates.end() ? std::nullopt
                                : std::optional(static_cast<JobState>(found - kStates.begin()));
}

Result<JobRequest> read_job(const json::Value& body) {
  Faults faults;
  Fields fields(body, "", faults);
  // What is missing or of another type is a fault already.
  const auto is_string = [&body](std::string_view key) { return body.at(key).string() != nullptr; };
  fields.require("id");
  const Result<JobId> id = JobId::parse(fields.string("id"));
  if (!id && is_string("id")) {
    fields.fault("id", id.error().message);
  }
  fields.require("verb");
  const std::string verb_name = fields.string("verb");
  const std::optional<Verb> verb = verb_from(verb_name);
  if (!verb && is_string("verb")) {
    fields.fault("verb", fmt::format("must be one of {}", all_verbs()));
  }
  fields.require("target");
  const std::string target = fields.string("target");
  const std::int64_t deadline = fields.integer("deadline", 0, 1, std::int64_t{1} << 52);
  const std::int64_t priority = fields.integer("priority", kDefaultPriority, 0, kMostPriority);
  const std::int64_t attempts = fields.integer("attempts", kDefaultAttempts, 1, kMostAttempts);
  std::optional<ContainerSpec> spec;
  JobOptions options;
  if (!verb) {
    fields.any("spec");
    fields.any("options");
  } else {
    if (is_string("target")) {
      if (const Result<> checked = check_target(target_kind_of(*verb), target); !checked) {
        fields.fault("target", checked.error().message);
      }
    }
    if (makes_container(*verb) || (may_have_spec(*verb) && body.find("spec") != nullptr)) {
      fields.object("spec", [&](const json::Value& value, std::string at) {
        spec = read_container_spec(value, std::move(at), faults);
      });
    } else {
      fields.object("options", [&](const json::Value& value, std::string at) {
        options = read_job_options(*verb, value, std::move(at), faults);
      });
    }
  }
  fields.finish();
  TRY(faults.result("the job is not accepted"));
  return JobRequest{*id,      *verb,    target,  std::move(spec), std::move(options),
                    deadline, priority, attempts};
}

json::Value to_json(const JobRequest& request) {
  json::Object object{
      {"id", request.id.str()}, {"verb", to_string(request.verb)}, {"target", request.target}};
  if (request.spec) {
    object.set("spec", to_json(*request.spec));
  }
  json::Object options = to_json(request.options);
  if (!options.empty()) {
    object.set("options", std::move(options));
  }
  if (request.deadline_unix_ms != 0) {
    object.set("deadline", request.deadline_unix_ms);
  }
  if (request.priority != kDefaultPriority) {
    object.set("priority", request.priority);
  }
  if (request.attempts != kDefaultAttempts) {
    object.set("attempts", request.attempts);
  }
  return object;
}

}  // namespace drover
