// Programs inside a container of LXC that end with the agent: those of probes.
#include <fcntl.h>

#include "agent/system/child.h"
#include "agent/system/pipe.h"
#include "runtimes/lxc/lxc_attach.h"
#include "runtimes/lxc/lxc_tools.h"

namespace drover::runtimes {
Result<int> lxc_exec(const system::Path& lxc_path, const std::string& name,
                     const ExecRequest& request, const Sink& out, const Sink& err, const Stop& stop,
                     const ProcessSettings& settings) {
  const std::string what =
      fmt::format("run {} in {}", request.command.empty() ? "" : request.command.front(), name);
  TRY(stop.check(what));
  const system::UniqueFd input(open("/dev/null", O_RDONLY | O_CLOEXEC));
  system::Pipe out_pipe = TRY(system::make_pipe());
  system::Pipe err_pipe = TRY(system::make_pipe());
  const pid_t pid = TRY(lxc_attach(lxc_path, name, request, settings,
                                   {input.get(), out_pipe.write.get(), err_pipe.write.get()})
                            .context(what));
  system::Child child = TRY(system::Child::adopt(pid));
  out_pipe.write.reset();
  err_pipe.write.reset();
  const system::Ending ending = TRY(system::stream_child(std::move(child), std::move(out_pipe.read),
                                                         std::move(err_pipe.read), stop, out, err)
                                        .context(what));
  return ending.code;
}

}  // namespace drover::runtimes
