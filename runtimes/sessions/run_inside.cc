#include "runtimes/sessions/run_inside.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "agent/system/child.h"
#include "agent/system/pipe.h"
#include "agent/system/sealed_program.h"
#include "runtimes/lxc/lxc_tools.h"
#include "runtimes/sessions/session_files.h"

namespace drover::runtimes {
namespace {

Result<system::UniqueFd> plan_to_read(const LxcStart& start) {
  system::UniqueFd file(memfd_create("drover-plan", MFD_CLOEXEC));
  if (!file.valid()) {
    return fail(Code::unavailable, "memfd_create: {}", std::strerror(errno));
  }
  const SessionPlan plan{.log = "/", .log_bounds = {}, .start = start};
  TRY(system::write_all(file.get(), json::write(to_json(plan))));
  return file;
}

}  // namespace

Result<int> run_inside(const Path& exec_program, const LxcStart& start, const Sink& out,
                       const Sink& err, const Stop& stop) {
  if (exec_program.empty()) {
    return lxc_exec(start.lxc_path, start.name, start.request, out, err, stop, start.settings);
  }
  const std::string what =
      fmt::format("run {} in {}",
                  start.request.command.empty() ? "" : start.request.command.front(), start.name);
  TRY(stop.check(what));
  const system::UniqueFd plan = TRY(plan_to_read(start));
  const system::SealedProgram sealed = TRY(system::SealedProgram::open(exec_program).context(what));
  system::Pipe out_pipe = TRY(system::make_pipe());
  system::Pipe err_pipe = TRY(system::make_pipe());
  system::Pipe answer = TRY(system::make_pipe());
  TRY(give_stream(out_pipe.write.get(), start.owner).context(what));
  TRY(give_stream(err_pipe.write.get(), start.owner).context(what));
  system::ChildOptions options;
  options.program = sealed.path();
  options.dies_with_parent = true;
  options.descriptors = {{out_pipe.write.get(), STDOUT_FILENO},
                         {err_pipe.write.get(), STDERR_FILENO},
                         {plan.get(), kInsidePlan},
                         {answer.write.get(), kInsideAnswer}};
  system::Child child = TRY(system::Child::start(
      {exec_program.native(), "--inside", fmt::format("/proc/self/fd/{}", kInsidePlan)}, options));
  out_pipe.write.reset();
  err_pipe.write.reset();
  answer.write.reset();
  const system::Ending ending = TRY(system::stream_child(std::move(child), std::move(out_pipe.read),
                                                         std::move(err_pipe.read), stop, out, err)
                                        .context(what));
  // Why it could not be begun: a code's name, a line's end and what there is to say. Nothing where
  // it was.
  const std::string why = system::read_to_end(answer.read.get());
  if (const std::size_t line = why.find('\n'); line != std::string::npos) {
    return fail(code_named(why.substr(0, line)), "{}: {}", what, why.substr(line + 1));
  }
  return ending.code;
}

}  // namespace drover::runtimes
