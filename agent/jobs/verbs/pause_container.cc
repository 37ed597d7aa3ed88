#include "agent/jobs/target.h"
#include "agent/jobs/verbs/verbs.h"

namespace drover::jobs {
namespace {

using Freeze = Result<> (runtimes::Runtime::*)(const runtimes::Container&, const system::Stop&);

Result<json::Value> change(Work& work, const Node& node, const std::string& step, Freeze freeze,
                           Status wanted) {
  const Target target = TRY(find_target(work, node));
  work.plan(1);
  Step once{.name = step};
  once.act = [&]() -> Result<json::Value> {
    TRY((target.runtime->*freeze)(target.container(), work.stop()));
    return json::Value();
  };
  once.find = [&]() -> Result<std::optional<json::Value>> {
    const runtimes::State now = TRY(target.runtime->state(target.container(), work.stop()));
    return now.status == wanted ? std::optional(json::Value()) : std::nullopt;
  };
  TRY(work.once(once));
  TRY(note(work, target, wanted));
  return json::Value();
}

}  // namespace

Result<json::Value> pause_container(Work& work, const Node& node) {
  return change(work, node, "runtime.pause", &runtimes::Runtime::pause, Status::paused);
}

Result<json::Value> resume_container(Work& work, const Node& node) {
  const json::Value resumed =
      TRY(change(work, node, "runtime.resume", &runtimes::Runtime::resume, Status::running));
  // What was ended inside while it was paused does so now.
  end_unwanted_execs(work, node);
  return resumed;
}

}  // namespace drover::jobs
