// Snapshots of a guest.
#include <algorithm>

#include "runtimes/guest/exit_status.h"
#include "runtimes/guest/guest_request.h"
#include "runtimes/guest/guest_runtime.h"

namespace drover::runtimes {
namespace {

std::string of_guest(const std::string& snapshot, const Container& container) {
  return fmt::format("snapshot {} of container {}", snapshot, container.name.str());
}

/// Told to admins in Proxmox's list, and to whoever looks for what a job has made.
std::string stamp_of_job(const JobId& job) {
  return "drover job " + job.str();
}

}  // namespace

Result<> GuestRuntime::take_snapshot(const Container& container, const std::string& name,
                                     const JobId& job, const Stop& stop) {
  const std::string what = "take " + of_guest(name, container);
  const Live guest = TRY(live(container, stop));
  if (guest.state.status == Status::paused) {
    return fail(Code::conflict, "{}: it is paused, and Proxmox would let it go on; resume it first",
                what);
  }
  const proxmox::GuestSnapshots found = TRY(snapshot_calls_.list(guest.vmid, stop).context(what));
  for (const proxmox::GuestSnapshot& snapshot : found.all) {
    if (snapshot.name != name || snapshot.description != stamp_of_job(job)) {
      continue;
    }
    if (snapshot.whole) {
      return {};
    }
    return fail(Code::conflict,
                "{}: Proxmox itself was ended while it took it, and keeps guest {} locked; run pct "
                "unlock {}, then pct delsnapshot {} {} --force",
                what, guest.vmid.value, guest.vmid.value, guest.vmid.value, name);
  }
  return snapshot_calls_.take(guest.vmid, name, stamp_of_job(job), stop).context(what);
}

Result<bool> GuestRuntime::has_taken(const Container& container, const std::string& name,
                                     const JobId& job, const Stop& stop) {
  const Live guest = TRY(live(container, stop));
  const proxmox::GuestSnapshots found =
      TRY(snapshot_calls_.list(guest.vmid, stop).context("look for " + of_guest(name, container)));
  return std::any_of(found.all.begin(), found.all.end(), [&](const auto& snapshot) {
    return snapshot.name == name && snapshot.description == stamp_of_job(job);
  });
}

Result<std::optional<Exit>> GuestRuntime::roll_back(const Container& container,
                                                    const std::string& name, const Stop& stop) {
  const std::string what = "roll back to " + of_guest(name, container);
  const Live guest = TRY(live(container, stop));
  const Status before = guest.state.status;
  const bool has_ended_before = before == Status::created || before == Status::stopped;
  const Result<system::UniqueFd> init =
      lxc_open_init(options_.lxc_path, std::to_string(guest.vmid.value));
  // Proxmox ends the guest itself, once it has seen that the storage can do it; and by SIGKILL,
  // which a frozen one does not outlive either.
  TRY(snapshot_calls_.roll_back(guest.vmid, name, stop).context(what));
  // The tags are those of then as well.
  if (before != Status::created) {
    TRY(mark_started(guest.vmid, stop).context(what));
  }
  if (has_ended_before) {
    return std::optional<Exit>();
  }
  Exit ended;
  if (init) {
    ended.code = exit_code_of(init->get());
  }
  return std::optional(ended);
}

Result<Resources> GuestRuntime::limits(const Container& container, const Stop& stop) {
  const Live guest = TRY(live(container, stop));
  const json::Value config = TRY(client_.get(config_path(guest.vmid), {}, stop)
                                     .context("look at container " + container.name.str()));
  return limits_of(config);
}

Result<> GuestRuntime::remove_snapshot(const Container& container, const std::string& name,
                                       const Stop& stop) {
  const Live guest = TRY(live(container, stop));
  return snapshot_calls_.remove(guest.vmid, name, stop)
      .context("delete " + of_guest(name, container));
}

Result<std::vector<Snapshot>> GuestRuntime::list_snapshots(const Container& container,
                                                           const Stop& stop) {
  const Live guest = TRY(live(container, stop));
  const proxmox::GuestSnapshots found =
      TRY(snapshot_calls_.list(guest.vmid, stop)
              .context("list the snapshots of container " + container.name.str()));
  constexpr std::int64_t kMsInSecond = 1000;
  std::vector<Snapshot> snapshots;
  for (const proxmox::GuestSnapshot& snapshot : found.all) {
    if (snapshot.whole) {
      snapshots.push_back({snapshot.name, snapshot.parent, snapshot.taken_at * kMsInSecond,
                           snapshot.name == found.parent});
    }
  }
  return snapshots;
}

}  // namespace drover::runtimes
