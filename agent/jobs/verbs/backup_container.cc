#include <utility>

#include "agent/jobs/target.h"
#include "agent/jobs/verbs/start_program.h"
#include "agent/jobs/verbs/verbs.h"

namespace drover::jobs {
namespace {

constexpr const char* kLook = "backup.look";
constexpr const char* kMake = "backup.make";

Result<runtimes::Backups*> backups_of(const Work& work, const Target& target) {
  runtimes::Backups* const source = target.runtime->backups();
  if (source == nullptr) {
    return fail(Code::refused, "{} {}: runtime {} makes no backups: {}",
                to_string(work.request().verb), target.row.name, target.row.runtime,
                target.runtime->capabilities().no_backups);
  }
  return source;
}

/// In mode "stop" the program is ended and started again: that is told, and wished.
Result<> note_after(Work& work, const Target& target) {
  const runtimes::State now = TRY(target.runtime->state(target.container(), work.agent_stop()));
  const bool running = now.status == Status::running;
  if (running) {
    TRY(want(work, target, Wanted::running));
  }
  return note(work, target, now.status, now.exit);
}

/// Whether Proxmox ends its program for it, and starts it again. Decided once: later runs of the
/// job may find it ended.
Result<bool> look_before_backup(Work& work, const Target& target) {
  Step step{.name = kLook};
  step.act = [&]() -> Result<json::Value> {
    const runtimes::State now = TRY(target.runtime->state(target.container(), work.stop()));
    return json::Value(json::Object{{"running", now.status == Status::running}});
  };
  const json::Value found = TRY(work.once(step));
  return found.at("running").boolean_or(false);
}

Result<json::Value> make_now(Work& work, const Target& target, runtimes::Backups& source,
                             bool stops) {
  const JobOptions& options = work.request().options;
  if (stops) {
    TRY(note(work, target, Status::stopping));
  }
  const Result<runtimes::Backup> made =
      source.make_backup(target.container(), {options.storage, options.mode, options.compress},
                         work.request().id, work.stop());
  if (!made) {
    // Of one that is cancelled Proxmox has yet to start the program: the undo awaits it.
    if (stops && !work.stop().requested()) {
      TRY(note_after(work, target));
    }
    return Failure(made.error());
  }
  if (stops) {
    // How its program has ended only Proxmox saw.
    TRY(note(work, target, Status::stopped, Exit{}));
    TRY(note_after(work, target));
  }
  TRY(work.write([&](Books& books) {
    return books.tell(Event{.kind = "container",
                            .object = target.row.name,
                            .what = "backed_up",
                            .job = work.request().id.str(),
                            .data = {{"runtime", target.row.runtime}, {"backup", made->id}}});
  }));
  return json::Value(
      json::Object{{"backup", made->id}, {"bytes", made->bytes}, {"taken_at", made->taken_at}});
}

}  // namespace

Result<json::Value> backup_container(Work& work, const Node& node) {
  const Target target = TRY(find_target(work, node));
  runtimes::Backups* source = TRY(backups_of(work, target));
  const bool may_stop = work.request().options.mode == "stop";
  work.plan(may_stop ? 2 : 1);
  const bool stops = may_stop && TRY(look_before_backup(work, target));
  Step make{.name = kMake, .subject = work.request().options.storage};
  make.act = [&] { return make_now(work, target, *source, stops); };
  const json::Value made = TRY(work.once(make));
  json::Object result{{"container", target.row.name}};
  for (const char* key : {"backup", "bytes", "taken_at"}) {
    result.set(key, made.at(key));
  }
  return json::Value(std::move(result));
}

Result<> undo_backup(Work& work, const Target& target) {
  const std::vector<StepRow> steps = TRY(work.steps(work.request().id.str()));
  bool ran = false;
  for (const StepRow& step : steps) {
    if (step.name == kLook && step.state == StepState::done) {
      const json::Value before = TRY(json::parse(step.data));
      ran = before.at("running").boolean_or(false);
    }
    if (step.name != kMake || step.state == StepState::undone) {
      continue;
    }
    runtimes::Backups* source = TRY(backups_of(work, target));
    const Result<> removed = source->remove_backup(target.container(), step.subject,
                                                   work.request().id, work.agent_stop());
    // One that was stopped for it Proxmox starts again, but not always when it is broken off.
    const Result<> back =
        ran || target.row.status == Status::stopping ? bring_back(work, target, ran) : Result<>();
    TRY(removed);
    TRY(back);
    TRY(work.step_undone(step));
  }
  return {};
}

}  // namespace drover::jobs
