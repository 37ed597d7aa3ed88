// Programs inside a guest of Proxmox, which LXC begins.
#include "agent/system/process.h"
#include "runtimes/guest/guest_parts.h"
#include "runtimes/guest/guest_runtime.h"
#include "runtimes/lxc/lxc_tools.h"
#include "runtimes/sessions/run_inside.h"

namespace drover::runtimes {
namespace {

/// One that is unprivileged, as most are, has users of its own.
std::optional<StreamOwner> owner_in(const GuestOptions& options, const std::string& guest,
                                    const std::string& user) {
  const auto init = lxc_open_init(options.lxc_path, guest);
  const Result<pid_t> first = init ? system::pid_of(*init) : Failure(init.error());
  return first ? stream_owner(*first, user) : std::nullopt;
}

}  // namespace

Result<int> GuestRuntime::exec(const Container& container, const ExecRequest& request,
                               const Sink& out, const Sink& err, const Stop& stop) {
  const Live guest = TRY(live_as(container, Status::running, "run a program in", stop));
  return run_inside(options_.exec_program,
                    {options_.lxc_path,
                     guest_name(guest.vmid),
                     request,
                     {},
                     owner_in(options_, guest_name(guest.vmid), request.user)},
                    out, err, stop);
}

Result<SessionStart> GuestRuntime::make_session(const Container& container,
                                                const ExecRequest& request, const Stop& stop) {
  const Live guest = TRY(live_as(container, Status::running, "run a program in", stop));
  return LxcStart{options_.lxc_path,
                  guest_name(guest.vmid),
                  with_usual_terminal(request),
                  {},
                  owner_in(options_, guest_name(guest.vmid), request.user)};
}

}  // namespace drover::runtimes
