#include "agent/system/process.h"
#include "runtimes/lxc/lxc_attach.h"
#include "runtimes/lxc/lxc_tools.h"
#include "runtimes/sessions/begun_program.h"
#include "runtimes/sessions/streams.h"

namespace drover::exec {
namespace {

/// As processes outside see it; "" when it has ended.
system::Path root_of(const runtimes::LxcStart& start) {
  const auto init = runtimes::lxc_open_init(start.lxc_path, start.name);
  const Result<pid_t> pid = init ? system::pid_of(*init) : Failure(init.error());
  return pid ? system::Path(fmt::format("/proc/{}/root", *pid)) : system::Path();
}

}  // namespace

Result<BegunProgram> begin_by_lxc(const runtimes::SessionPlan& plan) {
  const auto& start = std::get<runtimes::LxcStart>(plan.start);
  BegunProgram program;
  if (plan.terminal) {
    TRY(make_terminal(program, root_of(start), *plan.terminal, start.owner));
    const int slave = program.slave.get();
    program.pid = TRY(runtimes::lxc_attach(start.lxc_path, start.name, start.request,
                                           start.settings, {slave, slave, slave}));
    return program;
  }
  const ProgramStreams streams = TRY(make_streams(program, plan.input, start.owner));
  program.pid = TRY(runtimes::lxc_attach(start.lxc_path, start.name, start.request, start.settings,
                                         {streams.in.get(), streams.out.get(), streams.err.get()}));
  return program;
}

}  // namespace drover::exec
