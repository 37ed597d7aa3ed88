#include "agent/jobs/target.h"
#include "agent/jobs/verbs.h"

namespace drover::jobs {
namespace {

Result<> step(Work& work, const std::string& name, const std::function<Result<>()>& act) {
  TRY(work.step(name, "", [&]() -> Result<json::Value> {
    TRY(act());
    return json::Value();
  }));
  return {};
}

}  // namespace

Result<json::Value> start_container(Work& work, const Node& node) {
  const Target target = TRY(find_target(work, node));
  const runtimes::Container& container = target.container();
  runtimes::Runtime& runtime = *target.runtime;
  const Result<runtimes::State> asked = runtime.state(container, work.stop());
  if (!asked && asked.error().code != Code::not_found) {
    return Failure(asked.error());
  }
  const Status now = asked ? asked->status : Status::stopped;
  if (now == Status::running && work.interrupted()) {
    TRY(note(work, target, Status::running));
    return json::Value();
  }
  // runc and crun forget nothing of an ended container and start it never again; it is made anew
  // from what is still mounted. After a reboot they do not have it at all.
  const bool make_anew = !asked || (now == Status::stopped && !runtime.capabilities().restartable);
  work.plan(make_anew ? 3 : 1);
  if (make_anew) {
    TRY(step(work, "runtime.remove",
             [&] { return runtime.remove(container, false, work.stop()); }));
    TRY(step(work, "runtime.create", [&] { return runtime.create(container, work.stop()); }));
  }
  TRY(step(work, "runtime.start", [&] { return runtime.start(container, work.stop()); }));
  TRY(note(work, target, Status::running));
  return json::Value();
}

}  // namespace drover::jobs
