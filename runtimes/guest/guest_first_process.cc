#include "runtimes/guest/guest_runtime.h"

namespace drover::runtimes {

Result<system::UniqueFd> GuestRuntime::first_process(const Container& container, const Stop& stop) {
  const proxmox::GuestInfo guest = TRY(find(container, stop));
  if (!guest.running) {
    return fail(Code::not_found, "{} does not run", label(container));
  }
  return lxc_open_init(options_.lxc_path, guest_name(guest.vmid));
}

}  // namespace drover::runtimes
