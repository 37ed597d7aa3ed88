// container.migrate: a container leaves this node for another of its Proxmox cluster, whose agent
// takes it in by container.adopt.
#include <utility>

#include "agent/jobs/journal/kept_log.h"
#include "agent/jobs/target.h"
#include "agent/jobs/verbs/start_program.h"
#include "agent/jobs/verbs/stop_program.h"
#include "agent/jobs/verbs/verbs.h"
#include "agent/system/log.h"

namespace drover::jobs {
namespace {

constexpr const char* kMove = "container.move";

Result<runtimes::Migrations*> migrations_of(const Target& target) {
  runtimes::Migrations* const migrations = target.runtime->migrations();
  if (migrations == nullptr) {
    return fail(Code::refused,
                "migrate container {}: those of runtime {} move to no other node: {}",
                target.row.name, target.row.runtime, target.runtime->capabilities().no_migration);
  }
  return migrations;
}

/// What whoever adopts it needs, and is told.
json::Value moved(const Work& work, const Target& target, const std::string& complaint) {
  json::Object data{{"node", work.request().options.to}};
  if (target.container().vmid) {
    data.set("vmid", std::int64_t{target.container().vmid->value});
  }
  if (!complaint.empty()) {
    data.set("warning", complaint);
  }
  data.set("spec", to_json(target.container().spec));
  return json::Value(std::move(data));
}

Result<json::Value> move_now(Work& work, const Target& target, runtimes::Migrations& migrations) {
  const JobOptions& options = work.request().options;
  const bool runs = target.row.status == Status::running;
  if (runs && options.restart) {
    TRY(note(work, target, Status::stopping));
  }
  // What is half moved is of no use anywhere: no cancel breaks it off.
  const Result<std::string> complaint = migrations.migrate(
      target.container(),
      {options.to, options.restart, grace_of(work.request(), target.container()), options.storage},
      work.agent_stop());
  if (!complaint) {
    // Proxmox has started it again here, if it did not run on.
    if (const auto state = target.runtime->state(target.container(), work.agent_stop())) {
      TRY(note(work, target, state->status, state->exit));
    }
    return Failure(complaint.error());
  }
  return moved(work, target, *complaint);
}

/// Of one that was begun: whether it is there.
Result<std::optional<json::Value>> find_moved(Work& work, const Target& target,
                                              runtimes::Migrations& migrations) {
  const std::string node = TRY(migrations.other_node_of(target.container(), work.agent_stop()));
  return node == work.request().options.to ? std::optional(moved(work, target, ""))
                                           : std::optional<json::Value>();
}

/// From here on it is the other node's.
Result<> let_go(Work& work, const Node& node, const Target& target, const json::Value& data) {
  keep_log(node, target.record);
  for (const Result<>& gone :
       {target.runtime->forget_output(target.container()),
        system::remove_tree(node.layout.container(target.record.container.name))}) {
    if (!gone) {
      system::log_warning("container {}: {}", target.row.name, gone.error().message);
    }
  }
  const auto kept = remember(node, target.row, work.clock().unix_ms());
  if (!kept) {
    system::log_warning("keep the log of container {}: {}", target.row.name, kept.error().message);
  }
  json::Object told{{"runtime", target.row.runtime}, {"to", data.at("node")}};
  for (const char* key : {"vmid", "warning"}) {
    if (!data.at(key).is_null()) {
      told.set(key, data.at(key));
    }
  }
  return work.erase_container(target.row.name, kept ? *kept : std::nullopt,
                              Event{.kind = "container",
                                    .object = target.row.name,
                                    .what = "migrated",
                                    .job = work.request().id.str(),
                                    .data = std::move(told)});
}

/// What the step gave, of a job that had let the container go already.
Result<json::Value> data_of_move(Work& work) {
  const std::vector<StepRow> steps = TRY(work.steps(work.request().id.str()));
  for (const StepRow& step : steps) {
    if (step.name == kMove && step.state == StepState::done) {
      return json::parse(step.data);
    }
  }
  return fail(Code::not_found, "migrate container {}: this node has none of that name",
              work.request().target);
}

Result<json::Value> result_of(const Work& work, const json::Value& data) {
  json::Object result{{"container", work.request().target}};
  for (const auto& [key, value] : *data.object()) {
    result.set(key, value);
  }
  return json::Value(std::move(result));
}

}  // namespace

Result<json::Value> migrate_container(Work& work, const Node& node) {
  const Result<Target> found = find_target(work, node);
  if (!found) {
    const bool is_gone = found.error().code == Code::not_found && work.resumed();
    return is_gone ? result_of(work, TRY(data_of_move(work))) : Failure(found.error());
  }
  const Target& target = *found;
  runtimes::Migrations* migrations = TRY(migrations_of(target));
  work.plan(1);
  Step move{.name = kMove, .subject = work.request().options.to};
  move.act = [&] { return move_now(work, target, *migrations); };
  move.find = [&] { return find_moved(work, target, *migrations); };
  const json::Value data = TRY(work.once(move));
  TRY(let_go(work, node, target, data));
  return result_of(work, data);
}

Result<> undo_migrate(Work& work, const Node& node, const Target& target) {
  const std::vector<StepRow> steps = TRY(work.steps(work.request().id.str()));
  for (const StepRow& step : steps) {
    if (step.name != kMove) {
      continue;
    }
    runtimes::Migrations* migrations = TRY(migrations_of(target));
    const std::optional<json::Value> there = TRY(find_moved(work, target, *migrations));
    if (there) {
      return let_go(work, node, target, *there);
    }
    return bring_back(work, target, target.row.status == Status::stopping);
  }
  return {};
}

}  // namespace drover::jobs
