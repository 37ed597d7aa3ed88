#include "agent/jobs/verbs/start_program.h"

#include <algorithm>
#include <utility>

#include "agent/jobs/singletons/claim_step.h"
#include "agent/jobs/verbs/provision.h"
#include "agent/jobs/verbs/start_step.h"
#include "agent/jobs/verbs/stop_program.h"

namespace drover::jobs {
namespace {

/// What is missing. Decided once: later runs of the job find the container in another state. But
/// mounts and namespaces are looked for each time, because a reboot in between takes them.
struct Missing {
  bool runtime = false;  ///< the runtime has to make it again
  bool mounts = false;
  bool network = false;
  std::optional<Exit> ended;  ///< how it had ended, where the runtime starts that one again
};

struct Need {
  bool making = false;
  std::optional<Exit> ended;
};

/// One that an admin, or Proxmox's HA manager, has moved would be there twice.
Result<> check_not_elsewhere(Work& work, const Target& target) {
  runtimes::Migrations* const migrations = target.runtime->migrations();
  if (migrations == nullptr) {
    return {};
  }
  const std::string node = TRY(migrations->other_node_of(target.container(), work.stop()));
  return node.empty() ? Result<>()
                      : fail(Code::conflict,
                             "start container {}: its guest is on node {} now, where drover adopt "
                             "takes it in; drover rm strikes it off here",
                             target.row.name, node);
}

Result<Need> ask_runtime(Work& work, const Target& target) {
  const Result<runtimes::State> now = target.runtime->state(target.container(), work.stop());
  if (!now && now.error().code != Code::not_found) {
    return Failure(now.error());
  }
  if (now && now->status != Status::stopped && now->status != Status::created) {
    return fail(Code::conflict, "{} {}: it is {}", to_string(work.request().verb), target.row.name,
                to_string(now->status));
  }
  // runc and crun forget nothing of an ended container and start it never again; it is made anew
  // from what is still mounted. After a reboot they do not have it at all.
  const bool ended = now && now->status == Status::stopped;
  if (!now) {
    TRY(check_not_elsewhere(work, target));
  }
  if (!now || (ended && !target.runtime->capabilities().restartable)) {
    return Need{true, std::nullopt};
  }
  return Need{false, ended ? std::optional(now->exit.value_or(Exit{})) : std::nullopt};
}

Result<Missing> look(Work& work, const Provision& provision, const Target& target) {
  bool mounted = true;
  bool network = true;
  if (!target.runtime->capabilities().provisions_itself) {
    mounted = TRY(provision.is_mounted());
    network = TRY(provision.has_namespace());
  }
  const auto act = [&]() -> Result<json::Value> {
    const Need need = TRY(ask_runtime(work, target));
    json::Object missing{{"runtime", need.making},
                         {"mounts", !mounted},
                         {"network", !network},
                         {"wanted", to_string(target.row.wanted)}};
    if (need.ended) {
      missing.set("ended", to_json(*need.ended));
    }
    return json::Value(std::move(missing));
  };
  const json::Value missing = TRY(work.once({.name = "container.look", .act = act}));
  const json::Value& ended = missing.at("ended");
  return Missing{missing.at("runtime").boolean_or(false),
                 missing.at("mounts").boolean_or(false) || !mounted,
                 missing.at("network").boolean_or(false) || !network,
                 ended.is_null() ? std::nullopt : std::optional(exit_from_json(ended))};
}

/// What starts it has to tell its program of its attempt, which is another one each time.
Result<> claim_attempt(Work& work, const Node& node, Target& target) {
  const std::int64_t attempt = TRY(take_claim(work, node, *target.runtime, target.container()));
  if (attempt == 0 || attempt == target.container().attempt) {
    return {};
  }
  target.record.container.attempt = attempt;
  return work.write([&](Books& books) -> Result<> {
    std::optional<ContainerRow> row = TRY(books.journal().container(target.row.name));
    if (row) {
      row->container = json::write(to_json(target.record));
      TRY(books.journal().put_container(*row));
    }
    return {};
  });
}

Result<> make_anew(Work& work, Target& target) {
  const std::string subject = subject_of_attempt(target.container().attempt);
  const auto remove = [&] {
    return target.runtime->remove(target.container(), false, work.stop());
  };
  TRY(work.once({.name = "runtime.remove", .subject = subject, .act = [&]() -> Result<json::Value> {
                   TRY(remove());
                   return json::Value();
                 }}));
  Step create{.name = "runtime.create", .subject = subject};
  create.act = [&]() -> Result<json::Value> {
    TRY(target.runtime->create(target.container(), work.stop()));
    return json::Value();
  };
  create.clear = [&] { return target.runtime->remove(target.container(), true, work.stop()); };
  TRY(work.once(create));
  return {};
}

/// After a reboot mounts and namespaces have to be made again.
Result<> renew(Work& work, Provision& provision, const Target& target, bool network) {
  TRY(provision.renew(network));
  return work.write([&](Books& books) -> Result<> {
    std::optional<ContainerRow> row = TRY(books.journal().container(target.row.name));
    if (row) {
      row->container = json::write(to_json(target.record));
      TRY(books.journal().put_container(*row));
    }
    return {};
  });
}

bool is_up(const Result<runtimes::State>& state) {
  return state && state->status != Status::stopped && state->status != Status::created;
}

}  // namespace

Result<> mount_missing(Work& work, const Node& node, Target& target) {
  Provision provision(work, node, target.record);
  const bool network = TRY(provision.has_namespace());
  if (TRY(provision.is_mounted()) && network) {
    return {};
  }
  return renew(work, provision, target, !network);
}

std::int64_t steps_to_start(const Target& target) {
  const bool anew =
      target.row.status != Status::created && !target.runtime->capabilities().restartable;
  return anew ? 4 : 2;
}

Result<> start_program(Work& work, const Node& node, Target& target, std::int64_t steps_before) {
  Provision provision(work, node, target.record);
  work.plan(steps_before + steps_to_start(target));
  Missing missing = TRY(look(work, provision, target));
  TRY(want(work, target, Wanted::running));
  const bool is_singleton = !target.container().spec.singleton.empty();
  missing.runtime = missing.runtime || is_singleton;
  work.plan(steps_before + (missing.runtime ? 4 : 2) + (is_singleton ? 1 : 0));
  if (missing.mounts || missing.network) {
    TRY(renew(work, provision, target, missing.network));
  }
  if (!target.runtime->capabilities().provisions_itself) {
    TRY(provision.refresh());
  }
  TRY(claim_attempt(work, node, target));
  if (missing.runtime) {
    TRY(make_anew(work, target));
  }
  Step start = start_step(*target.runtime, target.container(),
                          missing.runtime ? std::nullopt : missing.ended, work.stop());
  start.subject = subject_of_attempt(target.container().attempt);
  TRY(work.once(start));
  return note(work, target, Status::running);
}

Result<> restore_program(Work& work, const Node& node, Target& target,
                         runtimes::Checkpoints& source) {
  Provision provision(work, node, target.record);
  constexpr std::int64_t kSteps = 3;
  work.plan(kSteps);
  const Missing missing = TRY(look(work, provision, target));
  TRY(want(work, target, Wanted::running));
  if (missing.mounts || missing.network) {
    TRY(renew(work, provision, target, missing.network));
  }
  TRY(provision.refresh());
  // As long as it lasts no cancel breaks it off: half of a program is none.
  Step restore{.name = kRestoreStep};
  restore.act = [&]() -> Result<json::Value> {
    TRY(source.restore(target.container(), work.agent_stop()));
    return json::Value();
  };
  restore.find = [&]() -> Result<std::optional<json::Value>> {
    const bool done = TRY(source.has_restored(target.container(), work.agent_stop()));
    return done ? std::optional(json::Value()) : std::nullopt;
  };
  restore.clear = [&] { return source.give_up_restore(target.container(), work.agent_stop()); };
  TRY(work.once(restore));
  return note(work, target, Status::running);
}

Result<> undo_start(Work& work, const Target& target, bool was_stopped) {
  const std::vector<StepRow> steps = TRY(work.steps(work.request().id.str()));
  const bool began = std::any_of(steps.begin(), steps.end(),
                                 [](const StepRow& step) { return step.name == "runtime.start"; });
  if (began) {
    const Result<runtimes::State> now =
        target.runtime->state(target.container(), work.agent_stop());
    if (is_up(now)) {
      // It did not run before. A start that was answered with a failure has started nothing:
      // somebody else was faster.
      TRY(was_stopped ? end_program(work, target, grace_of(work.request(), target.container()))
                      : note(work, target, now->status));
    }
  }
  return give_wish_back(work, target);
}

Result<> bring_back(Work& work, const Target& target, bool ran) {
  const runtimes::State now = TRY(target.runtime->state(target.container(), work.agent_stop()));
  const bool runs = now.status != Status::stopped && now.status != Status::created;
  if (!ran || runs) {
    return target.row.status == Status::stopping || runs ? note(work, target, now.status, now.exit)
                                                         : Result<>();
  }
  TRY(want(work, target, Wanted::running));
  if (!target.container().spec.singleton.empty()) {
    // It would go on as an attempt that is over: its restart policy, or a job, starts it anew.
    return note(work, target, Status::stopped, now.exit);
  }
  TRY(target.runtime->start(target.container(), work.agent_stop()));
  return note(work, target, Status::running);
}

Result<> give_wish_back(Work& work, const Target& target) {
  const std::vector<StepRow> steps = TRY(work.steps(work.request().id.str()));
  const auto looked = std::find_if(steps.begin(), steps.end(), [](const StepRow& step) {
    return step.name == "container.look" && step.state == StepState::done;
  });
  if (looked == steps.end()) {
    return {};
  }
  const json::Value before = TRY(json::parse(looked->data));
  const Wanted wanted = wanted_from(before.at("wanted").string_or(to_string(Wanted::running)));
  const Result<runtimes::State> now = target.runtime->state(target.container(), work.agent_stop());
  // One that does not answer may run.
  const bool may_run = is_up(now) || (!now && now.error().code != Code::not_found);
  return may_run || wanted == Wanted::running ? Result<>() : want(work, target, wanted);
}

}  // namespace drover::jobs
