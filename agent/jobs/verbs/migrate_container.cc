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

constexpr const char* kLookBeforeMove = "migrate.look";
constexpr const char* kMove = "container.move";
constexpr const char* kStartThere = "migrate.start";

Result<runtimes::Migrations*> migrations_of(const Target& target) {
  runtimes::Migrations* const migrations = target.runtime->migrations();
  if (migrations == nullptr) {
    return fail(Code::refused,
                "migrate container {}: those of runtime {} move to no other node: {}",
                target.row.name, target.row.runtime, target.runtime->capabilities().no_migration);
  }
  return migrations;
}

/// Whether its program has to end for it. Decided once, and before that ends: later runs of the job
/// may find it ended.
Result<bool> look_before_migration(Work& work, const Target& target,
                                   runtimes::Migrations& migrations) {
  Step look{.name = kLookBeforeMove};
  look.act = [&]() -> Result<json::Value> {
    const JobOptions& options = work.request().options;
    TRY(migrations.check_migration(target.container(), options.to, work.stop()));
    const Result<runtimes::State> now = target.runtime->state(target.container(), work.stop());
    if (!now && now.error().code != Code::not_found) {
      return Failure(now.error());
    }
    if (now && now->status == Status::paused) {
      return fail(Code::conflict, "migrate container {}: it is paused; resume it first",
                  target.row.name);
    }
    const bool running = now && now->status == Status::running;
    if (running && !options.restart) {
      return fail(Code::conflict,
                  "migrate container {}: it is running, and no container moves while it runs: say "
                  "restart, which ends its program here and starts it anew there, or stop it first",
                  target.row.name);
    }
    return json::Value(json::Object{{"running", running}});
  };
  const json::Value found = TRY(work.once(look));
  return found.at("running").boolean_or(false);
}

/// What whoever adopts it needs, and is told.
json::Value moved(const Work& work, const Target& target, const std::string& complaint) {
  json::Object data{{"to", work.request().options.to}};
  if (target.container().vmid) {
    data.set("vmid", std::int64_t{target.container().vmid->value});
  }
  if (!complaint.empty()) {
    data.set("warning", complaint);
  }
  data.set("spec", to_json(target.container().spec));
  return json::Value(std::move(data));
}

/// Of one that was begun: whether it is there.
Result<std::optional<json::Value>> find_moved(Work& work, const Target& target,
                                              runtimes::Migrations& migrations) {
  const std::string node = TRY(migrations.other_node_of(target.container(), work.agent_stop()));
  return node == work.request().options.to ? std::optional(moved(work, target, ""))
                                           : std::optional<json::Value>();
}

Result<json::Value> move_once(Work& work, const Target& target, runtimes::Migrations& migrations) {
  Step move{.name = kMove, .subject = work.request().options.to};
  move.act = [&]() -> Result<json::Value> {
    // What is half moved is of no use anywhere: no cancel breaks it off.
    const std::string complaint = TRY(migrations.migrate(
        target.container(), {work.request().options.to, work.request().options.storage},
        work.agent_stop()));
    return moved(work, target, complaint);
  };
  move.find = [&] { return find_moved(work, target, migrations); };
  return work.once(move);
}

/// It is there, whether its program can be started there or not: why not, or "".
Result<std::string> start_there(Work& work, const Target& target,
                                runtimes::Migrations& migrations) {
  const Result<> started =
      migrations.start_there(target.container(), work.request().options.to, work.agent_stop());
  if (!started) {
    TRY(work.agent_stop().check("start what has moved"));
  }
  return started ? std::string() : started.error().message;
}

Result<std::string> start_there_once(Work& work, const Target& target,
                                     runtimes::Migrations& migrations) {
  Step start{.name = kStartThere, .subject = work.request().options.to};
  start.act = [&]() -> Result<json::Value> {
    return json::Value(TRY(start_there(work, target, migrations)));
  };
  const json::Value complaint = TRY(work.once(start));
  return std::string(complaint.string_or(""));
}

json::Value with_warning(const json::Value& data, const std::string& warning) {
  json::Object all = *data.object();
  if (!warning.empty()) {
    const std::string_view before = data.at("warning").string_or("");
    all.set("warning", before.empty() ? warning : fmt::format("{}; {}", before, warning));
  }
  return json::Value(std::move(all));
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
  json::Object told{{"runtime", target.row.runtime}};
  for (const char* key : {"to", "vmid", "warning"}) {
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

/// What an earlier run's step gave; none when it was not done.
Result<std::optional<json::Value>> given_by(Work& work, std::string_view name) {
  const std::vector<StepRow> steps = TRY(work.steps(work.request().id.str()));
  for (const StepRow& step : steps) {
    if (step.name == name && step.state == StepState::done) {
      return std::optional(TRY(json::parse(step.data)));
    }
  }
  return std::optional<json::Value>();
}

json::Value result_of_migration(const Work& work, const json::Value& data) {
  json::Object result{{"container", work.request().target}};
  for (const auto& [key, value] : *data.object()) {
    result.set(key, value);
  }
  return json::Value(std::move(result));
}

/// Of a job that had let the container go already.
Result<json::Value> result_before(Work& work, const Error& not_found) {
  const std::optional<json::Value> data = TRY(given_by(work, kMove));
  if (!data) {
    return Failure(not_found);
  }
  const std::optional<json::Value> complaint = TRY(given_by(work, kStartThere));
  return result_of_migration(
      work, with_warning(*data, complaint ? std::string(complaint->string_or("")) : ""));
}

}  // namespace

Result<json::Value> migrate_container(Work& work, const Node& node) {
  const Result<Target> found = find_target(work, node);
  if (!found) {
    return found.error().code == Code::not_found ? result_before(work, found.error())
                                                 : Failure(found.error());
  }
  const Target& target = *found;
  runtimes::Migrations* migrations = TRY(migrations_of(target));
  work.plan(2);
  const bool ran = TRY(look_before_migration(work, target, *migrations));
  if (ran) {
    work.plan(4);
    // Proxmox's own way ends no program by force, and may never come back from one that stays.
    TRY(stop_program(work, target, grace_of(work.request(), target.container()), false));
  }
  json::Value data = TRY(move_once(work, target, *migrations));
  if (ran) {
    data = with_warning(data, TRY(start_there_once(work, target, *migrations)));
  }
  TRY(let_go(work, node, target, data));
  return result_of_migration(work, data);
}

Result<> undo_migrate(Work& work, const Node& node, const Target& target) {
  const std::optional<json::Value> looked = TRY(given_by(work, kLookBeforeMove));
  if (!looked) {
    return {};
  }
  const bool ran = looked->at("running").boolean_or(false);
  runtimes::Migrations* migrations = TRY(migrations_of(target));
  std::optional<json::Value> there = TRY(given_by(work, kMove));
  if (!there) {
    there = TRY(find_moved(work, target, *migrations));
  }
  if (!there) {
    return bring_back(work, target, ran);
  }
  // Not as a step: a job that is cancelled begins none any more.
  const std::string complaint = ran ? TRY(start_there(work, target, *migrations)) : "";
  return let_go(work, node, target, with_warning(*there, complaint));
}

}  // namespace drover::jobs
