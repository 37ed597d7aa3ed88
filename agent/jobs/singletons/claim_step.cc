#include "agent/jobs/singletons/claim_step.h"

#include <optional>

#include "agent/jobs/container_record.h"
#include "agent/jobs/singletons/singletons.h"

namespace drover::jobs {

Result<> check_singleton(const Node& node, const ContainerSpec& spec) {
  return spec.singleton.empty() || node.singletons != nullptr
             ? Result<>()
             : fail(Code::refused,
                    "singleton: which node may run it is decided by etcd, and this node's "
                    "configuration names none (etcd.endpoints)");
}

std::string subject_of_attempt(std::int64_t attempt) {
  return attempt == 0 ? "" : std::to_string(attempt);
}

Result<std::int64_t> take_claim(Work& work, const Node& node, runtimes::Runtime& runtime,
                                const runtimes::Container& container) {
  if (container.spec.singleton.empty()) {
    return 0;
  }
  TRY(check_singleton(node, container.spec).context("start container " + container.name.str()));
  Step step{.name = "claim.take"};
  step.again = true;
  step.act = [&]() -> Result<json::Value> {
    const std::optional<std::int64_t> held = node.singletons->holds(container.name.str());
    const Result<runtimes::State> now = runtime.state(container, work.stop());
    if (!now && now.error().code != Code::not_found) {
      return Failure(now.error());
    }
    if (now && now->status != Status::created && now->status != Status::stopped) {
      // Of an earlier run of this job.
      return held ? Result<json::Value>(json::Object{{"attempt", *held}})
                  : fail(Code::unavailable,
                         "start singleton {}: its program is {} still, and has lost its claim",
                         container.name.str(), to_string(now->status));
    }
    const std::int64_t attempt =
        TRY(node.singletons->take(container.name, claim_of(container), work.stop()));
    return json::Value(json::Object{{"attempt", attempt}});
  };
  const json::Value taken = TRY(work.once(step));
  return taken.at("attempt").integer_or(0);
}

}  // namespace drover::jobs
