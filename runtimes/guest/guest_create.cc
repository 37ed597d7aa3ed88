// How a guest is made: its creation, and what Proxmox takes only afterwards.
#include "agent/system/crash_point.h"
#include "proxmox/guest_firewall.h"
#include "runtimes/guest/guest_config.h"
#include "runtimes/guest/guest_program.h"
#include "runtimes/guest/guest_request.h"
#include "runtimes/guest/guest_runtime.h"

namespace drover::runtimes {

Result<> GuestRuntime::create(const Container& container, const Stop& stop) {
  TRY(make(container, stop));
  if (is_backup(container.spec.image)) {
    TRY(keep_to_spec(container, stop));
    TRY(grow_root(container, stop));
  }
  if (container.source) {
    TRY(take_over_copy(container, stop));
    TRY(grow_root(container, stop));
  }
  TRY(set_program(container, stop));
  system::crash_point("guest before its output");
  // A full or read-only /etc keeps no guest from being made.
  if (const Result<> kept = keep_output(container, stop); !kept) {
    output_.warn(kept.error().message);
  }
  return set_firewall(container, stop);
}

Result<> GuestRuntime::keep_output(const Container& container, const Stop& stop) {
  std::optional<Vmid> vmid = number_of(container);
  if (!vmid) {
    vmid = TRY(find(container, stop)).vmid;
  }
  return output_.keep(container, *vmid);
}

Result<> GuestRuntime::set_firewall(const Container& container, const Stop& stop) {
  if (!container.spec.firewall) {
    return {};
  }
  system::crash_point("guest before its firewall");
  const proxmox::GuestInfo guest = TRY(find(container, stop));
  TRY(proxmox::GuestFirewall(client_).set(guest.vmid, *container.spec.firewall, stop));
  return clock_.sleep_for(proxmox::GuestFirewall::kSettling, stop);
}

Result<> GuestRuntime::set_program(const Container& container, const Stop& stop) {
  const ContainerSpec& spec = container.spec;
  if (spec.command.empty() && spec.env.empty()) {
    return {};
  }
  // Those of the request are overwritten by the image's: they come after it.
  system::crash_point("guest before its program");
  const proxmox::GuestInfo guest = TRY(find(container, stop));
  const auto change = [&spec](const json::Value& config) { return program_form(spec, config); };
  return change_guest(client_, guest.vmid, change, stop)
      .context("set the program of the " + label(container));
}

Result<> GuestRuntime::make(const Container& container, const Stop& stop) {
  proxmox::GuestRequest request = TRY(map_spec(container.spec, options_));
  request.hostname = hostname_of(container);
  request.tags = tags_of(container);
  const std::vector<proxmox::GuestInfo> guests = TRY(guests_.list(stop));
  if (container.source) {
    const Result<proxmox::GuestInfo> copy = find_copy(container, guests, stop);
    if (copy || copy.error().code != Code::not_found) {
      return copy ? Result<>() : Failure(copy.error());
    }
  }
  for (const proxmox::GuestInfo& guest : guests) {
    const GuestStamp stamp = stamp_of(guest);
    if (stamp.ours && stamp.name == container.name.str()) {
      // Its tags are there since its creation has ended well.
      if (stamp.job == container.job.str()) {
        return {};
      }
      return fail(Code::conflict, "create {}: guest {} of job {} has that name", label(container),
                  guest.vmid.value, stamp.job);
    }
  }
  if (container.spec.firewall) {
    // A guest that nothing is kept from is not made where it was to be behind a firewall.
    TRY(proxmox::GuestFirewall(client_).require_on(stop).context("create " + label(container)));
  }
  const auto trying = [&](Vmid vmid) {
    const std::lock_guard lock(mutex_);
    made_.insert_or_assign(container.job.str(), vmid);
  };
  Result<Vmid> made = container.source ? copy_source(container, guests, stop, trying)
                                       : guests_.create(request, options_.first, options_.last,
                                                        guests, stop, trying);
  // Proxmox sets up the distributions it knows; any other template has to be called unmanaged.
  if (!made && made.error().message.find("unable to detect OS distribution") != std::string::npos) {
    request.more.emplace_back("ostype", "unmanaged");
    made = guests_.create(request, options_.first, options_.last, guests, stop, trying);
  }
  if (made) {
    return {};
  }
  if (stop.requested() && stop.still_wanted()) {
    return Failure(Error(made.error()).context("create " + label(container)));
  }
  // The answer may have been lost, or the request to stop have come too late to keep it from being
  // made. Only what this job has asked for is awaited: others' restores may take hours.
  const Stop never;
  const Stop& patient = stop.requested() ? never : stop;
  const std::optional<Vmid> tried = number_of(container);
  Result<> settled;
  if (container.source) {
    settled = settle_copy(container, patient);
  } else if (tried) {
    settled = guests_.settle(tried, *tried, *tried, patient);
  }
  if (made.error().code == Code::timed_out && settled) {
    const Result<proxmox::GuestInfo> found = find(container, stop);
    if (found || found.error().code != Code::not_found) {
      return found ? Result<>() : Failure(found.error());
    }
    return fail(Code::unavailable, "create {}: {}; it is not there", label(container),
                made.error().message);
  }
  // What is left behind nobody would look for.
  const Result<> removed = settled ? take_away(container, true, never) : settled;
  Error error = Error(made.error()).context("create " + label(container));
  if (!removed) {
    error.message += "; and what was begun could not be removed: " + removed.error().message;
  }
  return Failure(std::move(error));
}

}  // namespace drover::runtimes
