#include "agent/jobs/queries/views.h"

#include "agent/jobs/container_record.h"
#include "agent/jobs/journal/keeping.h"
#include "agent/jobs/keep/restart_rule.h"
#include "runtimes/oci/checkpoint_folder.h"

namespace drover::jobs {
namespace {

json::Value pid_of(const ContainerRow& row, const ContainerName& name,
                   const runtimes::Layout& layout) {
  if (row.status != Status::running && row.status != Status::paused) {
    return {};
  }
  const Result<std::string> text = system::read_file(layout.pid_file(name), 64);
  const std::int64_t pid = text ? json::Value(*text).integer_or(0) : 0;
  return pid > 0 ? json::Value(pid) : json::Value();
}

json::Array volumes_view(const ContainerRecord& record) {
  json::Array volumes;
  for (const runtimes::Volume& volume : record.volumes) {
    std::string target;
    std::string from;
    for (const VolumeSpec& spec : record.container.spec.volumes) {
      if (spec.name == volume.name) {
        target = spec.target;
        from = spec.from;
      }
    }
    volumes.emplace_back(json::Object{{"name", volume.name},
                                      {"target", target},
                                      {"storage", volume.storage},
                                      {"id", volume.id},
                                      {"from", from}});
  }
  return volumes;
}

json::Object restarts_view(const ContainerRow& row, const Keeping& keeping,
                           const RestartPolicy& policy) {
  json::Object view{{"count", keeping.restarts}, {"in_row", keeping.in_row}};
  if (row.status == Status::backoff) {
    if (!keeping.held.empty()) {
      view.set("held", keeping.held);
    } else if (keeping.next_at != 0) {
      view.set("next_at", keeping.next_at);
    } else {
      view.set("job", keeping.job);
    }
  }
  if (keeping.gave_up) {
    view.set("gave_up", true);
  } else if (row.status == Status::stopped && row.wanted == Wanted::running &&
             is_restarted(policy, end_of(row, keeping))) {
    // Its Keeper comes to it in a moment, or once a job about it has ended.
    view.set("pending", true);
  }
  return view;
}

}  // namespace

json::Object job_view(const JobRow& row) {
  json::Object view{{"id", row.id},
                    {"verb", row.verb},
                    {"target", row.target},
                    {"state", to_string(row.state)},
                    {"created_at", row.created_at},
                    {"ended_at", row.ended_at},
                    {"attempt", row.attempt}};
  if (!row.made_by.empty()) {
    view.set("by", row.made_by);
  } else {
    view.set("sender", row.sender);
  }
  if (!row.via.empty()) {
    view.set("via", row.via);
  }
  if (!is_final(row.state)) {
    if (row.not_before != 0) {
      view.set("retry_at", row.not_before);
    }
    if (!row.ending.empty()) {
      view.set("ending", row.ending);
    }
    if (row.error != "null") {
      const Result<json::Value> undoing = json::parse(row.error);
      view.set("undoing", undoing ? undoing->at("message") : json::Value());
    }
    return view;
  }
  const Result<json::Value> result = json::parse(row.result);
  const json::Value value = result ? *result : json::Value();
  if (row.state == JobState::succeeded) {
    view.set("result", value);
  } else {
    view.set("error", value.at("error"));
  }
  return view;
}

json::Array steps_view(const std::vector<StepRow>& steps) {
  json::Array view;
  for (const StepRow& step : steps) {
    view.emplace_back(json::Object{{"number", step.number},
                                   {"name", step.name},
                                   {"subject", step.subject},
                                   {"state", to_string(step.state)}});
  }
  return view;
}

Result<json::Object> container_view(const ContainerRow& row, const runtimes::Layout& layout,
                                    bool with_spec) {
  const ContainerRecord record = TRY(container_record_from(row.container));
  const runtimes::Container& container = record.container;
  json::Array networks;
  for (const runtimes::Attachment& attachment : record.interfaces) {
    networks.push_back(runtimes::to_json(attachment));
  }
  json::Object view{
      {"name", row.name},
      {"runtime", row.runtime},
      {"status", to_string(row.status)},
      {"job", row.job},
      {"created_at", row.created_at},
      {"exit", row.exit ? to_json(*row.exit) : json::Value()},
      {"image", container.spec.rootfs.empty() ? container.spec.image : container.spec.rootfs},
      {"pid", pid_of(row, container.name, layout)},
      {"vmid", container.vmid ? json::Value(std::uint64_t{container.vmid->value}) : json::Value()},
      {"networks", std::move(networks)},
      {"volumes", volumes_view(record)}};
  const Keeping keeping = TRY(keeping_of(row));
  if (container.spec.restart.when != RestartPolicy::When::never) {
    view.set("restarts", restarts_view(row, keeping, container.spec.restart));
  }
  if (keeping.health != Health::none) {
    view.set("health", to_string(keeping.health));
  }
  if (container.attempt != 0) {
    view.set("claim", claim_view(container));
  }
  if (container.users != 0) {
    view.set("users", json::Object{{"first", std::uint64_t{container.users}},
                                   {"count", std::uint64_t{runtimes::kUsersOfOne}}});
  }
  if (!record.snapshots.empty()) {
    view.set("snapshots", runtimes::to_json(record.snapshots));
  }
  if (!record.pending.empty()) {
    view.set("pending", json::Array(record.pending.begin(), record.pending.end()));
  }
  if (record.former) {
    view.set("former_image", record.former->image);
  }
  if (!container.spec.labels.empty()) {
    json::Object labels;
    for (const auto& [name, value] : container.spec.labels) {
      labels.set(name, value);
    }
    view.set("labels", std::move(labels));
  }
  if (with_spec) {
    if (const auto written = runtimes::CheckpointFolder(layout, container.name).whole()) {
      view.set("checkpoint", runtimes::to_json(*written));
    }
    view.set("spec", drover::to_json(container.spec));
  }
  return view;
}

json::Object routing_view(const Node& node, const std::string& name,
                          std::optional<RuntimeKind> wish) {
  const RoutingChoice choice = node.config.container_type(name);
  json::Value rule;
  if (wish) {
    rule = "spec";
  } else if (choice.rule) {
    rule = json::Object{{"index", static_cast<std::int64_t>(*choice.rule)},
                        {"pattern", node.config.runtime.rules.at(*choice.rule).pattern}};
  }
  const RuntimeKind kind = wish.value_or(choice.kind);
  json::Object view{{"name", name}, {"runtime", to_string(kind)}, {"rule", std::move(rule)}};
  if (kind == RuntimeKind::runc || kind == RuntimeKind::crun) {
    const Result<path> program = node.config.runtime_path(kind);
    view.set("program", program ? json::Value(program->native()) : json::Value());
  }
  return view;
}

}  // namespace drover::jobs
