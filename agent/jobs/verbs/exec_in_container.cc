#include <optional>

#include "agent/jobs/target.h"
#include "agent/jobs/verbs/verbs.h"
#include "runtimes/output_log.h"

namespace drover::jobs {

Result<json::Value> exec_in_container(Work& work, const Node& node) {
  const Target target = TRY(find_target(work, node));
  const JobOptions& options = work.request().options;
  // Opened for the command alone, because that empties it: what an earlier run of the job has
  // written is what there is of it.
  std::optional<runtimes::OutputLog> log;
  Result<> written;
  const auto keep = [&](std::string_view stream) {
    return [&log, &written, stream](std::string_view chunk) {
      if (written) {
        written = log->write(stream, chunk);
      }
    };
  };
  work.plan(1);
  Step step{.name = "runtime.exec"};
  step.act = [&]() -> Result<json::Value> {
    log.emplace(
        TRY(runtimes::OutputLog::open(node.layout.job_log(work.request().id), work.clock())));
    const int ended = TRY(target.runtime->exec(target.container(),
                                               {options.command, options.env, options.cwd, ""},
                                               keep("stdout"), keep("stderr"), work.stop()));
    return json::Value(ended);
  };
  step.find = []() -> Result<std::optional<json::Value>> {
    return fail(Code::broken,
                "the agent ended while the command ran, so how it ended is not known: look what it "
                "has done before you run it again");
  };
  const json::Value code = TRY(work.once(step));
  if (log) {
    TRY(log->finish());
  }
  TRY(std::move(written).context("keep the output of " + options.command.front()));
  return json::Value(json::Object{{"code", code}});
}

}  // namespace drover::jobs
