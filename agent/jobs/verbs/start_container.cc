#include "agent/jobs/own_job.h"
#include "agent/jobs/verbs/start_program.h"
#include "agent/jobs/verbs/verbs.h"

namespace drover::jobs {
namespace {

/// A job for which this one had to wait may have stopped the container, or started it.
Result<> check_back_off(Work& work, const ContainerRow& row) {
  if (work.resumed() || TRY(work.made_by()) != kByRestartPolicy) {
    return {};
  }
  if (row.status != Status::backoff || row.wanted != Wanted::running) {
    return fail(Code::cancelled, "start container {}: it is {} and wanted {} by now", row.name,
                to_string(row.status), to_string(row.wanted));
  }
  return {};
}

}  // namespace

Result<json::Value> start_container(Work& work, const Node& node) {
  Target target = TRY(find_target(work, node));
  TRY(check_back_off(work, target.row));
  TRY(start_program(work, node, target, 0));
  return json::Value();
}

}  // namespace drover::jobs
