// Backups of a guest, and guests that are made of one.
#include <utility>

#include "runtimes/guest/guest_config.h"
#include "runtimes/guest/guest_heritage.h"
#include "runtimes/guest/guest_request.h"
#include "runtimes/guest/guest_runtime.h"

namespace drover::runtimes {
namespace {

/// Told to admins in Proxmox's list, and to whoever looks for what a job has made.
std::string notes_of(const Container& container, const JobId& job) {
  return fmt::format("drover container {} job {}", container.name.str(), job.str());
}

Backup read_backup(const proxmox::BackupInfo& info) {
  constexpr std::int64_t kMsInASecond = 1000;
  return {info.volid, info.size_bytes, info.taken_at * kMsInASecond};
}

/// A program that is no init sets up no network: its interfaces are given to Proxmox, which keeps
/// their addresses.
void add_managed_nets(const json::Value& config, std::size_t nets, proxmox::Form& form) {
  if (!runs_program(config)) {
    return;
  }
  for (std::size_t i = 0; i < nets; ++i) {
    const std::string key = fmt::format("net{}", i);
    const std::string_view net = config.at(key).string_or("");
    if (!net.empty() && net.find("host-managed=") == std::string_view::npos) {
      form.emplace_back(key, fmt::format("{},host-managed=1", net));
    }
  }
}

}  // namespace

Result<Backup> GuestRuntime::make_backup(const Container& container, const BackupWish& wish,
                                         const JobId& job, const Stop& stop) {
  const std::string what = "back up container " + container.name.str();
  const std::string notes = notes_of(container, job);
  const proxmox::GuestInfo info = TRY(find(container, stop));
  // One that an earlier agent has begun, whose answer was lost or never came.
  TRY(backups_.settle(info.vmid, false, stop).context(what));
  const auto before = TRY(backups_.find(wish.storage, info.vmid, notes, stop).context(what));
  if (before) {
    return read_backup(*before);
  }
  const Live guest = TRY(live(container, stop));
  if (guest.state.status == Status::paused) {
    return fail(Code::conflict, "{}: it is paused, and Proxmox would let it go on; resume it first",
                what);
  }
  const proxmox::BackupRequest request{guest.vmid, wish.storage, wish.mode,
                                       wish.compress == "none" ? "0" : wish.compress, notes};
  TRY(backups_.make(request, stop).context(what));
  const auto made = TRY(backups_.find(wish.storage, guest.vmid, notes, stop).context(what));
  if (!made) {
    return fail(Code::broken, "{}: Proxmox has made one, and storage {} does not list it", what,
                wish.storage);
  }
  return read_backup(*made);
}

Result<> GuestRuntime::remove_backup(const Container& container, const std::string& storage,
                                     const JobId& job, const Stop& stop) {
  const proxmox::GuestInfo guest = TRY(find(container, stop));
  TRY(backups_.settle(guest.vmid, true, stop));
  const auto made = TRY(backups_.find(storage, guest.vmid, notes_of(container, job), stop));
  return made ? storage_.release(made->volid, stop) : Result<>();
}

Result<> GuestRuntime::keep_to_spec(const Container& container, const Stop& stop) {
  const proxmox::GuestRequest request = TRY(map_spec(container.spec, options_));
  const proxmox::GuestInfo guest = TRY(find(container, stop));
  const auto change = [&request](const json::Value& config) -> Result<proxmox::Form> {
    proxmox::Form form;
    add_managed_nets(config, request.nets.size(), form);
    if (std::string unwanted = unwanted_keys(config, request.nets.size()); !unwanted.empty()) {
      form.emplace_back("delete", std::move(unwanted));
    }
    return form;
  };
  return change_guest(client_, guest.vmid, change, stop)
      .context("make the guest of container " + container.name.str() +
               " what its spec says and not what the backup had");
}

}  // namespace drover::runtimes
