#include "agent/jobs/journal/keeping.h"
#include "agent/jobs/own_job.h"
#include "agent/jobs/verbs/stop_program.h"
#include "agent/jobs/verbs/verbs.h"

namespace drover::jobs {
namespace {

/// A job for which this one had to wait may have stopped the unhealthy program, and started
/// another.
Result<> check_unhealthy(const Work& work, const ContainerRow& row) {
  const Keeping keeping = TRY(keeping_of(row));
  const bool runs = row.status == Status::running || row.status == Status::paused;
  if (!work.resumed() && (!runs || keeping.health != Health::unhealthy)) {
    return fail(Code::cancelled, "stop unhealthy container {}: it is {} and not unhealthy by now",
                row.name, to_string(row.status));
  }
  return {};
}

/// The same of one whose claim was lost.
Result<> check_unclaimed(const Work& work, const ContainerRow& row) {
  const Keeping keeping = TRY(keeping_of(row));
  const bool runs = row.status == Status::running || row.status == Status::paused;
  return work.resumed() || (runs && keeping.claim_lost)
             ? Result<>()
             : fail(Code::cancelled, "stop container {}, which has lost its claim: it is {} by now",
                    row.name, to_string(row.status));
}

}  // namespace

Result<json::Value> stop_container(Work& work, const Node& node) {
  const Target target = TRY(find_target(work, node));
  const std::string by = TRY(work.made_by());
  const bool wished = !by.starts_with(kByProbe) && by != kByClaim;
  if (by.starts_with(kByProbe)) {
    TRY(check_unhealthy(work, target.row));
  } else if (by == kByClaim) {
    TRY(check_unclaimed(work, target.row));
  }
  work.plan(1);
  const std::chrono::seconds grace = grace_of(work.request(), target.container());
  const std::optional<Exit> exit = TRY(stop_program(work, target, grace, wished));
  return exit ? json::Value(json::Object{{"exit", to_json(*exit)}}) : json::Value(json::Object());
}

}  // namespace drover::jobs
