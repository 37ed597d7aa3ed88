#include "agent/jobs/target.h"
#include "agent/jobs/verbs/verbs.h"
#include "runtimes/output_log.h"

namespace drover::jobs {

Result<json::Value> exec_in_container(Work& work, const Node& node) {
  const Target target = TRY(find_target(work, node));
  const JobOptions& options = work.request().options;
  runtimes::OutputLog log =
      TRY(runtimes::OutputLog::open(node.layout.job_log(work.request().id), work.clock()));
  Result<> written;
  const auto keep = [&](std::string_view stream) {
    return [&log, &written, stream](std::string_view chunk) {
      if (written) {
        written = log.write(stream, chunk);
      }
    };
  };
  work.plan(1);
  Step step{.name = "runtime.exec"};
  step.act = [&]() -> Result<json::Value> {
    const int ended = TRY(target.runtime->exec(target.container(),
                                               {options.command, options.env, options.cwd, ""},
                                               keep("stdout"), keep("stderr"), work.stop()));
    return json::Value(ended);
  };
  step.find = []() -> Result<std::optional<json::Value>> {
    return fail(Code::unavailable,
                "the agent ended while the command ran, so how it ended is not known");
  };
  const json::Value code = TRY(work.once(step));
  TRY(log.finish());
  TRY(std::move(written).context("keep the output of " + options.command.front()));
  return json::Value(json::Object{{"code", code}});
}

}  // namespace drover::jobs
