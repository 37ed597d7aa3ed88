// Disks of a guest.
#include "runtimes/guest/guest_parts.h"
#include "runtimes/guest/guest_runtime.h"

namespace drover::runtimes {

Result<> GuestRuntime::grow(const Container& container, const std::string& volume,
                            std::uint64_t size_mib, const Stop& stop) {
  const std::string disk = volume.empty() ? "the root disk" : "volume " + volume;
  const std::string what = fmt::format("grow {} of the {}", disk, label(container));
  const std::optional<std::string> key = disk_key(container.spec, volume);
  if (!key) {
    return fail(Code::not_found, "{}: it has no such volume", what);
  }
  const Live guest = TRY(live(container, stop));
  if (guest.state.status == Status::creating || guest.state.status == Status::deleting) {
    return fail(Code::conflict, "{}: it is {}", what, to_string(guest.state.status));
  }
  return disk_calls_.grow(guest.vmid, *key, size_mib, stop).context(what);
}

Result<> GuestRuntime::check_grown(const Container& container, const std::string& volume,
                                   std::uint64_t size_mib, const Stop& stop) {
  const std::optional<std::string> key = disk_key(container.spec, volume);
  const proxmox::GuestInfo guest = TRY(find(container, stop));
  return key ? disk_calls_.check_grown(guest.vmid, *key, size_mib, stop) : Result<>();
}

Result<> GuestRuntime::grow_root(const Container& container, const Stop& stop) {
  const std::uint64_t size_mib = container.spec.resources.disk_mib;
  if (size_mib == 0) {
    return {};
  }
  TRY(grow(container, "", size_mib, stop));
  // An earlier agent may have grown it, and not seen how that ended.
  return check_grown(container, "", size_mib, stop)
      .context("grow the root disk of the " + label(container));
}

Result<DiskSizes> GuestRuntime::disk_sizes(const Container& container, const Stop& stop) {
  const proxmox::GuestInfo guest = TRY(find(container, stop));
  const json::Value config =
      TRY(client_.get(config_path(guest.vmid), {}, stop).context("look at " + label(container)));
  return disk_sizes_of(container.spec, config);
}

}  // namespace drover::runtimes
