#include "agent/jobs/provision.h"
#include "agent/jobs/start_step.h"
#include "agent/jobs/target.h"
#include "agent/jobs/verbs.h"

namespace drover::jobs {
namespace {

/// What is missing. Decided once: later runs of the job find the container in another state.
struct Missing {
  bool runtime = false;  ///< the runtime has to make it again
  bool mounts = false;
  bool network = false;
};

Result<bool> must_be_made(Work& work, const Target& target) {
  const Result<runtimes::State> now = target.runtime->state(target.container(), work.stop());
  if (!now && now.error().code != Code::not_found) {
    return Failure(now.error());
  }
  if (now && now->status != Status::stopped && now->status != Status::created) {
    return fail(Code::conflict, "start container {}: it is {}", target.row.name,
                to_string(now->status));
  }
  // runc and crun forget nothing of an ended container and start it never again; it is made anew
  // from what is still mounted. After a reboot they do not have it at all.
  const bool ended = now && now->status == Status::stopped;
  return !now || (ended && !target.runtime->capabilities().restartable);
}

Result<Missing> look(Work& work, const Provision& provision, const Target& target) {
  const auto act = [&]() -> Result<json::Value> {
    const bool runtime = TRY(must_be_made(work, target));
    bool mounted = true;
    bool network = true;
    if (!target.runtime->capabilities().provisions_itself) {
      mounted = TRY(provision.is_mounted());
      network = TRY(provision.has_namespace());
    }
    return json::Value(
        json::Object{{"runtime", runtime}, {"mounts", !mounted}, {"network", !network}});
  };
  const json::Value missing = TRY(work.once({.name = "container.look", .act = act}));
  return Missing{missing.at("runtime").boolean_or(false), missing.at("mounts").boolean_or(false),
                 missing.at("network").boolean_or(false)};
}

Result<> make_anew(Work& work, Target& target) {
  const auto remove = [&] {
    return target.runtime->remove(target.container(), false, work.stop());
  };
  TRY(work.once({.name = "runtime.remove", .act = [&]() -> Result<json::Value> {
                   TRY(remove());
                   return json::Value();
                 }}));
  Step create{.name = "runtime.create"};
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

}  // namespace

Result<json::Value> start_container(Work& work, const Node& node) {
  Target target = TRY(find_target(work, node));
  TRY(want(work, target, Wanted::running));
  Provision provision(work, node, target.record);
  const Missing missing = TRY(look(work, provision, target));
  work.plan(missing.runtime ? 4 : 2);
  if (missing.mounts || missing.network) {
    TRY(renew(work, provision, target, missing.network));
  }
  if (missing.runtime) {
    TRY(make_anew(work, target));
  }
  TRY(work.once(start_step(*target.runtime, target.container(), work.stop())));
  TRY(note(work, target, Status::running));
  return json::Value();
}

}  // namespace drover::jobs
