// Limits of a guest that is there.
#include "runtimes/guest/guest_request.h"
#include "runtimes/guest/guest_runtime.h"
#include "runtimes/resources_held.h"

namespace drover::runtimes {

Result<> GuestRuntime::update(const Container& container, const Resources& limits,
                              const Stop& stop) {
  const Live guest = TRY(live(container, stop));
  const std::string what = "update guest of container " + container.name.str();
  if (guest.state.status == Status::creating || guest.state.status == Status::deleting) {
    return fail(Code::conflict, "{}: it is {}", what, to_string(guest.state.status));
  }
  if (guest.state.pid != 0) {
    TRY(check_held(container.name.str(), guest.state.pid, limits));
  }
  const proxmox::Form form = TRY(limits_form(limits));
  const std::string path = config_path(guest.vmid);
  // Proxmox gives a running guest these limits at once, and writes them down for its next start.
  Result<json::Value> put = client_.put(path, form, stop);
  if (!put && put.error().code == Code::timed_out) {
    // The answer is lost. The same limits once more change nothing.
    put = client_.put(path, form, stop);
  }
  TRY(std::move(put).context(what));
  return {};
}

}  // namespace drover::runtimes
