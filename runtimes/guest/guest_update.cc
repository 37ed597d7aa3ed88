// Limits of a guest that is there.
#include "proxmox/answer.h"
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

Result<std::vector<std::string>> GuestRuntime::pending(const Container& container,
                                                       const Stop& stop) {
  const proxmox::GuestInfo guest = TRY(find(container, stop));
  const std::string what = "pending changes of the guest of container " + container.name.str();
  const json::Array list = TRY(proxmox::list_of(
      client_.get(fmt::format("/nodes/{}/lxc/{}/pending", proxmox::path_segment(client_.node()),
                              guest.vmid.value),
                  {}, stop),
      what));
  std::vector<std::string> keys;
  for (const json::Value& item : list) {
    if (!item.at("pending").is_null() || item.at("delete").integer_or(0) != 0) {
      keys.emplace_back(item.at("key").string_or(""));
    }
  }
  return keys;
}

}  // namespace drover::runtimes
