#include "runtimes/sessions/session_plan.h"

#include "agent/core/json_members.h"
#include "agent/core/program_fields.h"

namespace drover::runtimes {
namespace {

json::Value words_of(const std::vector<std::string>& words) {
  return json::Array(words.begin(), words.end());
}

/// A limit has 64 bits, of which the highest stand for none.
json::Value limits_of(const ProcessSettings& settings) {
  json::Array limits;
  for (const auto& [resource, limit] : settings.limits) {
    limits.push_back(
        json::Array{resource, std::to_string(limit.rlim_cur), std::to_string(limit.rlim_max)});
  }
  return limits;
}

json::Value to_json(const LxcStart& start) {
  return json::Object{{"path", start.lxc_path.native()},
                      {"name", start.name},
                      {"command", words_of(start.request.command)},
                      {"env", object_of(start.request.env)},
                      {"cwd", start.request.cwd},
                      {"user", start.request.user},
                      {"limits", limits_of(start.settings)},
                      {"oom_score_adj", start.settings.oom_score_adj}};
}

std::vector<std::pair<int, rlimit>> read_process_limits(const json::Value& value) {
  std::vector<std::pair<int, rlimit>> limits;
  const json::Array none;
  for (const json::Value& limit : value.array() == nullptr ? none : *value.array()) {
    const json::Array& parts = limit.array() == nullptr ? none : *limit.array();
    if (parts.size() == 3) {
      const auto bound = [&parts](std::size_t at) {
        return static_cast<rlim_t>(
            std::strtoull(std::string(parts[at].string_or("0")).c_str(), nullptr, 10));
      };
      limits.emplace_back(static_cast<int>(parts[0].integer_or(0)), rlimit{bound(1), bound(2)});
    }
  }
  return limits;
}

LxcStart read_lxc_start(const json::Value& value, std::string at, Faults& faults) {
  Fields fields(value, std::move(at), faults);
  LxcStart start;
  start.lxc_path = fields.string("path");
  start.name = fields.string("name");
  start.request.command = fields.strings("command");
  start.request.env = fields.strings_by_key("env");
  start.request.cwd = fields.string("cwd");
  start.request.user = fields.string("user");
  start.settings.limits = read_process_limits(value.at("limits"));
  start.settings.oom_score_adj = fields.string("oom_score_adj");
  return start;
}

}  // namespace

json::Value to_json(const SessionPlan& plan) {
  json::Object object{{"log", plan.log.native()},
                      {"log_file_bytes", plan.log_bounds.file_bytes},
                      {"log_files", plan.log_bounds.files},
                      {"input", plan.input}};
  if (plan.terminal) {
    object.set("terminal", to_json(*plan.terminal));
  }
  if (const auto* oci = std::get_if<OciStart>(&plan.start)) {
    object.set("oci", words_of(oci->argv));
  } else {
    object.set("lxc", to_json(std::get<LxcStart>(plan.start)));
  }
  const auto owner = std::visit([](const auto& start) { return start.owner; }, plan.start);
  if (owner) {
    object.set("owner", to_json(*owner));
  }
  return object;
}

Result<SessionPlan> session_plan_from(const json::Value& value) {
  Faults faults;
  Fields fields(value, "", faults);
  SessionPlan plan;
  plan.log = fields.string("log");
  plan.log_bounds.file_bytes =
      static_cast<std::uint64_t>(fields.integer("log_file_bytes", 0, 1, INT64_MAX));
  plan.log_bounds.files = static_cast<std::uint64_t>(fields.integer("log_files", 2, 2, INT64_MAX));
  plan.input = fields.boolean("input", false);
  plan.terminal = read_terminal(fields, faults, "terminal");
  if (fields.has("lxc")) {
    fields.object("lxc", [&](const json::Value& start, std::string at) {
      plan.start = read_lxc_start(start, std::move(at), faults);
    });
  } else {
    plan.start = OciStart{fields.strings("oci")};
  }
  std::visit([&](auto& start) { start.owner = read_stream_owner(value.at("owner")); }, plan.start);
  TRY(faults.result("what a program inside is to be begun by is not understood"));
  return plan;
}

}  // namespace drover::runtimes
