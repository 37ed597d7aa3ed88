#include "agent/core/config/runtime.h"

#include <utility>

#include "agent/core/config/paths.h"

namespace drover {
namespace {

RuntimeKind read_kind(Fields& fields, std::string_view key, RuntimeKind otherwise) {
  const std::string name =
      fields.one_of(key, to_string(otherwise), {"runc", "crun", "lxc", "pve-lxc"});
  return runtime_kind_from(name).value_or(otherwise);
}

void read_rules(Fields& fields, RuntimeConfig& runtime, Faults& faults) {
  constexpr std::size_t kMostRules = 1000;
  fields.each("rules", kMostRules, [&](const json::Value& value, std::string at) {
    Fields rule(value, std::move(at), faults);
    rule.require("pattern");
    rule.require("runtime");
    RuntimeConfig::Rule made;
    made.pattern = rule.string("pattern");
    if (rule.has("pattern") && (made.pattern.empty() || made.pattern.size() > 256)) {
      rule.fault("pattern", "must have 1 to 256 characters");
    }
    made.kind = read_kind(rule, "runtime", runtime.default_kind);
    rule.finish();
    runtime.rules.push_back(std::move(made));
  });
}

}  // namespace

RuntimeConfig read_runtime_section(const json::Value& value, std::string at, Faults& faults) {
  Fields fields(value, std::move(at), faults);
  RuntimeConfig runtime;
  runtime.default_kind = read_kind(fields, "default", runtime.default_kind);
  read_rules(fields, runtime, faults);
  for (const RuntimeKind kind : {RuntimeKind::runc, RuntimeKind::crun}) {
    const std::string key = fmt::format("{}_path", to_string(kind));
    if (const path program = read_absolute(fields, key, {}); !program.empty()) {
      runtime.paths.emplace(kind, program);
    }
  }
  runtime.conmon = read_absolute(fields, "conmon_path", runtime.conmon);
  runtime.systemd_cgroup = fields.boolean("systemd_cgroup", false);
  runtime.seccomp_profile = read_absolute(fields, "seccomp_profile", {});
  runtime.state_folder = read_absolute(fields, "state_folder", runtime.state_folder);
  runtime.run_folder = read_absolute(fields, "run_folder", runtime.run_folder);
  runtime.workers = fields.integer("workers", runtime.workers, 1, 256);
  runtime.log_level =
      fields.one_of("log_level", runtime.log_level, {"debug", "info", "warning", "error"});
  fields.finish();
  return runtime;
}

}  // namespace drover
