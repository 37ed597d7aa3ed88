#include "agent/jobs/journal/sealed_record.h"

#include <algorithm>
#include <utility>

#include "agent/core/stable_hash.h"

namespace drover::jobs {
namespace {

constexpr std::int64_t kSealVersion = 1;

/// It shall find what a disk has done to the file, not what somebody did on purpose; who could
/// write here is root.
std::string checksum(std::string_view text) {
  return fmt::format("{:016x}", stable_hash(text));
}

json::Value parsed(const std::string& text) {
  const Result<json::Value> value = json::parse(text);
  return value ? *value : json::Value();
}

json::Value step_to_json(const StepRow& step) {
  return json::Object{{"number", step.number},
                      {"name", step.name},
                      {"subject", step.subject},
                      {"state", to_string(step.state)},
                      {"data", parsed(step.data)}};
}

Result<StepRow> step_from_json(const std::string& job, const json::Value& value) {
  StepRow step{job,
               value.at("number").integer_or(0),
               std::string(value.at("name").string_or("")),
               std::string(value.at("subject").string_or("")),
               StepState::intent,
               json::write(value.at("data"))};
  const std::string_view state = value.at("state").string_or("");
  for (const StepState known : {StepState::intent, StepState::done, StepState::undone}) {
    if (state == to_string(known)) {
      step.state = known;
      return step;
    }
  }
  return fail(Code::broken, "step {} has the unknown state \"{}\"", step.name, state);
}

Result<SealedRecord> record_from_json(const json::Value& value) {
  const json::Value& job = value.at("job");
  const json::Value& container = value.at("container");
  SealedRecord record;
  record.container.name = value.at("name").string_or("");
  record.container.runtime = value.at("runtime").string_or("");
  record.container.job = job.at("id").string_or("");
  record.container.container = json::write(container);
  record.container.created_at = value.at("created_at").integer_or(0);
  record.container.wanted = wanted_from(value.at("wanted").string_or(""));
  record.job.id = record.container.job;
  record.job.verb = job.at("verb").string_or("");
  record.job.target = record.container.name;
  record.job.request = json::write(job.at("request"));
  record.job.state = JobState::succeeded;
  record.job.result = json::write(job.at("result"));
  record.job.created_at = job.at("created_at").integer_or(0);
  record.job.ended_at = job.at("ended_at").integer_or(0);
  TRY(ContainerName::parse(record.container.name));
  TRY(JobId::parse(record.job.id));
  if (record.job.ended_at <= 0 || container.object() == nullptr) {
    return fail(Code::broken, "it lacks the container, or when its job ended");
  }
  if (const json::Array* steps = value.at("steps").array()) {
    for (const json::Value& step : *steps) {
      StepRow read = TRY(step_from_json(record.job.id, step));
      record.steps.push_back(std::move(read));
    }
  }
  return record;
}

}  // namespace

std::string seal_json(const json::Object& record) {
  const std::string sealed = json::write(record);
  return json::write(json::Object{
             {"v", kSealVersion}, {"sum", checksum(sealed)}, {"record", parsed(sealed)}}) +
         "\n";
}

Result<json::Value> unseal_json(std::string_view text) {
  json::Value value = TRY(json::parse(text));
  if (value.at("v").integer_or(0) != kSealVersion) {
    return fail(Code::broken, "its version is not {}", kSealVersion);
  }
  if (value.at("sum").string_or("") != checksum(json::write(value.at("record")))) {
    return fail(Code::broken, "its checksum is another");
  }
  return value.at("record");
}

std::string seal(const SealedRecord& record) {
  json::Array steps;
  for (const StepRow& step : record.steps) {
    steps.push_back(step_to_json(step));
  }
  return seal_json({{"name", record.container.name},
                    {"runtime", record.container.runtime},
                    {"created_at", record.container.created_at},
                    {"wanted", to_string(record.container.wanted)},
                    {"container", parsed(record.container.container)},
                    {"job", json::Object{{"id", record.job.id},
                                         {"verb", record.job.verb},
                                         {"request", parsed(record.job.request)},
                                         {"result", parsed(record.job.result)},
                                         {"created_at", record.job.created_at},
                                         {"ended_at", record.job.ended_at}}},
                    {"steps", std::move(steps)}});
}

Result<SealedRecord> unseal(std::string_view text) {
  const json::Value record = TRY(unseal_json(text));
  return record_from_json(record);
}

Result<> put_maker(Journal& journal, const SealedRecord& record) {
  if (!TRY(journal.job(record.job.id))) {
    TRY(journal.add_job(record.job));
  }
  for (const StepRow& step : record.steps) {
    TRY(journal.put_step(step));
  }
  return {};
}

Result<std::optional<SealedRecord>> sealed_record(Journal& journal, const std::string& name) {
  const std::optional<ContainerRow> row = TRY(journal.container(name));
  if (!row || row->status == Status::creating) {
    return std::optional<SealedRecord>();
  }
  std::optional<JobRow> job = TRY(journal.job(row->job));
  SealedRecord record{*row, job ? std::move(*job) : JobRow{}, {}};
  if (record.job.ended_at == 0) {
    // It has done what there is to do for its container but to say so.
    record.job.ended_at = std::max<std::int64_t>(row->created_at, 1);
  }
  record.job.id = row->job;
  record.steps = TRY(journal.steps(row->job));
  return std::optional(std::move(record));
}

}  // namespace drover::jobs
