#include <lxc/lxccontainer.h>

#include <cstring>
#include <memory>

#include "runtimes/lxc/lxc_attach.h"
#include "runtimes/sessions/begun_program.h"
#include "runtimes/sessions/streams.h"

namespace drover::exec {
namespace {

struct PutGuest {
  void operator()(lxc_container* container) const { lxc_container_put(container); }
};

/// As processes outside see it; "" when it has ended.
system::Path root_of(const runtimes::LxcStart& start) {
  const std::unique_ptr<lxc_container, PutGuest> guest(
      lxc_container_new(start.name.c_str(), start.lxc_path.c_str()));
  const pid_t init = guest == nullptr ? -1 : guest->init_pid(guest.get());
  return init > 0 ? system::Path(fmt::format("/proc/{}/root", init)) : system::Path();
}

}  // namespace

Result<BegunProgram> begin_by_lxc(const runtimes::SessionPlan& plan) {
  const auto& start = std::get<runtimes::LxcStart>(plan.start);
  BegunProgram program;
  if (plan.terminal) {
    TRY(make_terminal(program, root_of(start), *plan.terminal));
    const int slave = program.slave.get();
    program.pid = TRY(runtimes::lxc_attach(start.lxc_path, start.name, start.request,
                                           start.settings, {slave, slave, slave}));
    return program;
  }
  const ProgramStreams streams = TRY(make_streams(program, plan.input));
  program.pid = TRY(runtimes::lxc_attach(start.lxc_path, start.name, start.request, start.settings,
                                         {streams.in.get(), streams.out.get(), streams.err.get()}));
  return program;
}

}  // namespace drover::exec
