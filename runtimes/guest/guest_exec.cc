// Programs inside a guest of Proxmox, which LXC begins.
#include "runtimes/guest/guest_parts.h"
#include "runtimes/guest/guest_runtime.h"
#include "runtimes/sessions/run_inside.h"

namespace drover::runtimes {

Result<int> GuestRuntime::exec(const Container& container, const ExecRequest& request,
                               const Sink& out, const Sink& err, const Stop& stop) {
  const Live guest = TRY(live_as(container, Status::running, "run a program in", stop));
  return run_inside(options_.exec_program, {options_.lxc_path, guest_name(guest.vmid), request, {}},
                    out, err, stop);
}

Result<SessionStart> GuestRuntime::make_session(const Container& container,
                                                const ExecRequest& request, const Stop& stop) {
  const Live guest = TRY(live_as(container, Status::running, "run a program in", stop));
  return LxcStart{options_.lxc_path, guest_name(guest.vmid), with_usual_terminal(request), {}};
}

}  // namespace drover::runtimes
