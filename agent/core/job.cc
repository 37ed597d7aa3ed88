#include "agent/core/job.h"

#include <algorithm>
#include <array>
#include <utility>

#include "agent/core/program_fields.h"

namespace drover {
namespace {

constexpr std::array<std::pair<Verb, std::string_view>, 10> kVerbs = {{
    {Verb::container_run, "container.run"},
    {Verb::container_create, "container.create"},
    {Verb::container_start, "container.start"},
    {Verb::container_stop, "container.stop"},
    {Verb::container_kill, "container.kill"},
    {Verb::container_pause, "container.pause"},
    {Verb::container_resume, "container.resume"},
    {Verb::container_exec, "container.exec"},
    {Verb::container_delete, "container.delete"},
    {Verb::job_cancel, "job.cancel"},
}};

constexpr std::array<std::pair<JobState, std::string_view>, 5> kStates = {{
    {JobState::queued, "queued"},
    {JobState::running, "running"},
    {JobState::succeeded, "succeeded"},
    {JobState::failed, "failed"},
    {JobState::cancelled, "cancelled"},
}};

template <class Table, class Key>
std::string_view name_in(const Table& table, Key key) {
  const auto found = std::find_if(table.begin(), table.end(),
                                  [key](const auto& entry) { return entry.first == key; });
  return found == table.end() ? std::string_view("unknown") : found->second;
}

template <class Table>
auto value_in(const Table& table, std::string_view name)
    -> std::optional<typename Table::value_type::first_type> {
  const auto found = std::find_if(table.begin(), table.end(),
                                  [name](const auto& entry) { return entry.second == name; });
  if (found == table.end()) {
    return std::nullopt;
  }
  return found->first;
}

bool makes_container(Verb verb) {
  return verb == Verb::container_run || verb == Verb::container_create;
}

/// The members of "options" that `verb` takes; the others are unknown fields to it.
JobOptions read_options(Verb verb, const json::Value& value, std::string pointer, Faults& faults) {
  Fields fields(value, std::move(pointer), faults);
  JobOptions options;
  switch (verb) {
    case Verb::container_stop:
      if (fields.has("grace_s")) {
        options.grace_s = fields.integer("grace_s", 0, 0, 86400);
      }
      break;
    case Verb::container_kill: {
      const std::string name = fields.string("signal", "KILL");
      const std::optional<int> signal = signal_from(name);
      if (!signal) {
        fields.fault("signal",
                     "must be a signal's name or its number 1 to 64, as \"TERM\" or \"15\"");
      }
      options.signal = signal.value_or(0);
      break;
    }
    case Verb::container_delete:
      options.force = fields.boolean("force", false);
      break;
    case Verb::container_exec:
      fields.require("command");
      options.command = read_command(fields);
      if (value.at("command").array() != nullptr && options.command.empty()) {
        fields.fault("command", "must name a program first");
      }
      options.env = read_environment(fields);
      options.cwd = read_path(fields, "cwd");
      break;
    default:
      break;
  }
  fields.finish();
  return options;
}

void check_target(Fields& fields, Verb verb, const std::string& target) {
  Result<> checked;
  if (verb == Verb::job_cancel) {
    checked = JobIdKind::check(target);
  } else {
    checked = ContainerNameKind::check(target);
  }
  if (!checked) {
    fields.fault("target", checked.error().message);
  }
}

}  // namespace

std::string_view to_string(Verb verb) {
  return name_in(kVerbs, verb);
}
std::optional<Verb> verb_from(std::string_view name) {
  return value_in(kVerbs, name);
}
std::string_view to_string(JobState state) {
  return name_in(kStates, state);
}
std::optional<JobState> job_state_from(std::string_view name) {
  return value_in(kStates, name);
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
    std::string known;
    for (const auto& entry : kVerbs) {
      known += (known.empty() ? "" : ", ") + std::string(entry.second);
    }
    fields.fault("verb", fmt::format("must be one of {}", known));
  }
  fields.require("target");
  const std::string target = fields.string("target");
  const std::int64_t deadline = fields.integer("deadline", 0, 1, std::int64_t{1} << 52);
  std::optional<ContainerSpec> spec;
  JobOptions options;
  if (!verb) {
    fields.any("spec");
    fields.any("options");
  } else {
    if (is_string("target")) {
      check_target(fields, *verb, target);
    }
    if (makes_container(*verb)) {
      fields.object("spec", [&](const json::Value& value, std::string at) {
        spec = read_container_spec(value, std::move(at), faults);
      });
    } else {
      fields.object("options", [&](const json::Value& value, std::string at) {
        options = read_options(*verb, value, std::move(at), faults);
      });
    }
  }
  fields.finish();
  TRY(faults.result("the job is not accepted"));
  return JobRequest{*id, *verb, target, std::move(spec), std::move(options), deadline};
}

json::Value to_json(const JobRequest& request) {
  json::Object object{
      {"id", request.id.str()}, {"verb", to_string(request.verb)}, {"target", request.target}};
  if (request.spec) {
    object.set("spec", to_json(*request.spec));
  }
  json::Object options;
  if (request.options.grace_s) {
    options.set("grace_s", *request.options.grace_s);
  }
  if (request.options.signal != 0) {
    options.set("signal", std::to_string(request.options.signal));
  }
  if (request.options.force) {
    options.set("force", true);
  }
  if (!request.options.command.empty()) {
    options.set("command",
                json::Array(request.options.command.begin(), request.options.command.end()));
  }
  if (!request.options.env.empty()) {
    json::Object env;
    for (const auto& [name, value] : request.options.env) {
      env.append(name, value);
    }
    options.set("env", std::move(env));
  }
  if (!request.options.cwd.empty()) {
    options.set("cwd", request.options.cwd);
  }
  if (!options.empty()) {
    object.set("options", std::move(options));
  }
  if (request.deadline_unix_ms != 0) {
    object.set("deadline", request.deadline_unix_ms);
  }
  return object;
}

}  // namespace drover
