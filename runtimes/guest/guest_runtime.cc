#include "runtimes/guest/guest_runtime.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "runtimes/guest/exit_status.h"
#include "runtimes/guest/guest_config.h"
#include "runtimes/guest/guest_parts.h"
#include "runtimes/guest/guest_request.h"
#include "runtimes/guest/guest_spec.h"
#include "runtimes/guest/refused_members.h"

namespace drover::runtimes {

std::string GuestRuntime::guest_name(Vmid vmid) {
  return std::to_string(vmid.value);
}

std::string GuestRuntime::label(const Container& container) {
  return "guest of container " + container.name.str();
}

GuestRuntime::GuestRuntime(proxmox::Client& client, system::Clock& clock, GuestOptions options)
    : client_(client),
      clock_(clock),
      tasks_(client, clock),
      guests_(client, tasks_),
      snapshot_calls_(client, tasks_, guests_),
      backups_(client, tasks_),
      disk_calls_(client, tasks_, guests_),
      migration_calls_(client, tasks_, guests_),
      storage_(client, tasks_),
      options_(std::move(options)),
      output_(options_.output),
      sessions_(*this, options_.output.layout, {options_.exec_program, options_.exec_log},
                [this](const Container& container, const ExecRequest& request, const SessionFiles&,
                       const Stop& stop) { return make_session(container, request, stop); }) {}

Capabilities GuestRuntime::capabilities() const {
  return {.restartable = true,
          .provisions_itself = true,
          .knows_exit_code = false,
          .no_checkpoints = "the API of Proxmox restores no checkpoint of a container",
          .no_snapshots = "",
          .no_backups = "",
          .no_growth = "",
          .no_migration = "",
          .no_upgrade =
              "a guest's root is a disk, which holds its system and all that was written to it; "
              "make a new one of the other template"};
}

Result<> GuestRuntime::accepts(const ContainerSpec& spec) const {
  TRY(refuse_guest_members(spec));
  if (spec.image.empty() && spec.rootfs.empty()) {
    // One that was adopted: what it was made of nobody knows, and only its limits can be changed.
    TRY(limits_form(spec.resources));
    return {};
  }
  TRY(map_spec(spec, options_));
  return {};
}

Result<> GuestRuntime::settle(const Container& container, const Stop& stop) {
  const Result<proxmox::GuestInfo> guest = find_settled(container, stop);
  if (!guest && guest.error().code != Code::not_found) {
    return Failure(guest.error());
  }
  if (!guest && container.source) {
    return {};
  }
  // Of one that is not there yet only this agent knows which number it has asked for.
  TRY(guests_.settle(guest ? std::optional(guest->vmid) : number_of(container), options_.first,
                     options_.last, stop));
  return guest ? unmark_unless_started(container, stop) : Result<>();
}

/// One that was marked for a start which then failed has never run.
Result<> GuestRuntime::unmark_unless_started(const Container& container, const Stop& stop) {
  const Result<proxmox::GuestInfo> found = find(container, stop);
  if (!found) {
    // What has been awaited may have been its migration.
    return found.error().code == Code::not_found ? Result<>() : Failure(found.error());
  }
  const proxmox::GuestInfo& guest = *found;
  if (guest.running || !stamp_of(guest).started) {
    return {};
  }
  // An admin may be starting it just now: asked first, because what has ended meanwhile is found
  // among those that have.
  const std::vector<proxmox::Upid> running = TRY(tasks_.running(stop));
  const bool starts = std::any_of(running.begin(), running.end(), [&guest](const auto& task) {
    return task.type == "vzstart" && task.id == std::to_string(guest.vmid.value);
  });
  if (starts) {
    return {};
  }
  const std::vector<proxmox::Tasks::Ended> tasks = TRY(tasks_.ended(guest.vmid, stop));
  // What comes before its creation was about another guest of this number. One whose creation is
  // not found, as after somebody's restore, may have run for all that is known.
  // The list of a copy has no creation, but the end of the guest that had its number before.
  const char* const creation = container.source                  ? "vzdestroy"
                               : is_backup(container.spec.image) ? "vzrestore"
                                                                 : "vzcreate";
  const auto created = std::find_if(tasks.begin(), tasks.end(),
                                    [creation](const auto& task) { return task.type == creation; });
  const bool ran = std::any_of(tasks.begin(), created, [](const auto& task) {
    return task.type == "vzstart" && proxmox::ended_well(task.exit);
  });
  if ((created == tasks.end() && !container.source) || ran) {
    return {};
  }
  return change_tags(
      guest.vmid, [](std::vector<std::string>& tags) { return std::erase(tags, kStartedTag) > 0; },
      stop);
}

std::optional<Vmid> GuestRuntime::number_of(const Container& container) const {
  if (container.vmid) {
    return container.vmid;
  }
  const std::lock_guard lock(mutex_);
  const auto made = made_.find(container.job.str());
  return made == made_.end() ? std::nullopt : std::optional(made->second);
}

void GuestRuntime::forget_number(const Container& container) {
  const std::lock_guard lock(mutex_);
  made_.erase(container.job.str());
}

Result<proxmox::GuestInfo> GuestRuntime::find_tagged(const Container& container,
                                                     std::vector<proxmox::GuestInfo>& guests,
                                                     const Stop& stop) {
  const auto fits = [&container](const proxmox::GuestInfo& guest) {
    const GuestStamp stamp = stamp_of(guest);
    return stamp.ours && stamp.name == container.name.str() && stamp.job == container.job.str();
  };
  if (const std::optional<Vmid> vmid = number_of(container)) {
    Result<proxmox::GuestInfo> guest = guests_.status(*vmid, stop);
    if (guest ? fits(*guest) : guest.error().code != Code::not_found) {
      return guest;
    }
    // An admin may have given it another number: restored it from a backup.
  }
  guests = TRY(guests_.list(stop));
  const auto found = std::find_if(guests.begin(), guests.end(), fits);
  // Under another number it may be a copy of it, which has its tags until it is taken over.
  const bool is_moved = found != guests.end() && container.vmid && *container.vmid != found->vmid;
  if (found == guests.end() || (is_moved && TRY(is_copy_in_making(*found, stop)))) {
    return fail(Code::not_found, "there is no {}", label(container));
  }
  return *found;
}

Result<proxmox::GuestInfo> GuestRuntime::find(const Container& container, const Stop& stop) {
  std::vector<proxmox::GuestInfo> guests;
  Result<proxmox::GuestInfo> guest = find_tagged(container, guests, stop);
  const bool may_be_new = !guest && guest.error().code == Code::not_found && container.source;
  return may_be_new ? find_copy(container, guests, stop) : guest;
}

Result<proxmox::GuestInfo> GuestRuntime::find_settled(const Container& container,
                                                      const Stop& stop) {
  std::vector<proxmox::GuestInfo> guests;
  Result<proxmox::GuestInfo> guest = find_tagged(container, guests, stop);
  if (guest || guest.error().code != Code::not_found || !container.source) {
    return guest;
  }
  TRY(settle_copy(container, stop));
  return find(container, stop);
}

Result<State> GuestRuntime::state_of(const proxmox::GuestInfo& guest, const Stop& stop) const {
  if (guest.lock == "create") {
    return State{Status::creating, 0, {}};
  }
  if (guest.lock == "destroyed") {
    return State{Status::deleting, 0, {}};
  }
  if (!guest.running) {
    return stamp_of(guest).started ? State{Status::stopped, 0, Exit{}}
                                   : State{Status::created, 0, {}};
  }
  const Result<LxcLife> life = lxc_life(options_.lxc_path, guest_name(guest.vmid), stop);
  if (!life) {
    if (life.error().code == Code::cancelled) {
      return Failure(life.error());
    }
    return State{Status::running, 0, {}};
  }
  State state{life->status, life->init, {}};
  if (state.status == Status::stopped) {
    state.exit = Exit{};
  }
  return state;
}

Result<GuestRuntime::Live> GuestRuntime::live(const Container& container, const Stop& stop) {
  const proxmox::GuestInfo guest = TRY(find(container, stop));
  const State state = TRY(state_of(guest, stop));
  return Live{guest.vmid, state};
}

Result<GuestRuntime::Live> GuestRuntime::live_as(const Container& container, Status wanted,
                                                 std::string_view verb, const Stop& stop) {
  const Live guest = TRY(live(container, stop));
  if (guest.state.status != wanted) {
    return fail(Code::conflict, "{} {}: it is {} and not {}", verb, label(container),
                to_string(guest.state.status), to_string(wanted));
  }
  return guest;
}

Result<Provided> GuestRuntime::provided(const Container& container, const Stop& stop) {
  const proxmox::GuestInfo guest = TRY(find(container, stop));
  const json::Value config =
      TRY(client_.get(config_path(guest.vmid), {}, stop).context("look at " + label(container)));
  forget_number(container);
  Provided parts = parts_of_guest(guest.vmid, container.spec, config);
  if (is_backup(container.spec.image) || container.source) {
    parts.resources = limits_of(config);
  }
  return parts;
}

Result<ContainerSpec> GuestRuntime::spec_of(const Container& container, const Stop& stop) {
  const proxmox::GuestInfo guest = TRY(find(container, stop));
  return spec_of_guest(
      TRY(client_.get(config_path(guest.vmid), {}, stop).context("look at " + label(container))));
}

std::string GuestRuntime::config_path(Vmid vmid) const {
  return fmt::format("/nodes/{}/lxc/{}/config", client_.node(), vmid.value);
}

Result<> GuestRuntime::change_tags(Vmid vmid, const ChangeTags& change, const Stop& stop) {
  const auto changed = [&change](const json::Value& config) -> Result<proxmox::Form> {
    std::vector<std::string> tags = proxmox::split_tags(config.at("tags").string_or(""));
    return change(tags) ? proxmox::Form{{"tags", proxmox::join_tags(tags)}} : proxmox::Form{};
  };
  return change_guest(client_, vmid, changed, stop)
      .context(fmt::format("tag guest {}", vmid.value));
}

Result<> GuestRuntime::mark_started(Vmid vmid, const Stop& stop) {
  return change_tags(
      vmid,
      [](std::vector<std::string>& tags) {
        if (std::find(tags.begin(), tags.end(), kStartedTag) != tags.end()) {
          return false;
        }
        tags.emplace_back(kStartedTag);
        return true;
      },
      stop);
}

Result<> GuestRuntime::start(const Container& container, const Stop& stop) {
  const Live guest = TRY(live(container, stop));
  if (guest.state.status != Status::created && guest.state.status != Status::stopped) {
    return fail(Code::conflict, "start {}: it is {}", label(container),
                to_string(guest.state.status));
  }
  // Of one that was made before Drover kept any, or has another number now.
  output_.keep_for_start(container, guest.vmid);
  // Before the start: a guest that has run and does not say so would be taken for a new one.
  TRY(mark_started(guest.vmid, stop));
  return guests_.start(guest.vmid, stop).context("start " + label(container));
}

Result<> GuestRuntime::kill(const Container& container, int signal, const Stop& stop) {
  const std::string what = fmt::format("signal {} to {}", signal, label(container));
  if (signal < 1 || signal > 64) {
    return fail(Code::invalid, "{}: there is no such signal", what);
  }
  const Live guest = TRY(live(container, stop));
  if (guest.state.status != Status::running && guest.state.status != Status::paused) {
    return fail(Code::conflict, "{}: it is {}", what, to_string(guest.state.status));
  }
  if (signal == SIGKILL) {
    if (guest.state.status == Status::paused) {
      TRY(lxc_thaw(options_.lxc_path, guest_name(guest.vmid), stop).context(what));
    }
    return guests_.stop(guest.vmid, stop).context(what);
  }
  const Result<system::UniqueFd> init = lxc_open_init(options_.lxc_path, guest_name(guest.vmid));
  if (!init) {
    return fail(Code::unavailable, "{}: LXC on this node names no init of guest {}", what,
                guest.vmid.value);
  }
  if (syscall(SYS_pidfd_send_signal, init->get(), signal, nullptr, 0U) != 0) {
    return fail(errno == ESRCH ? Code::conflict : Code::broken, "{}: {}", what,
                std::strerror(errno));
  }
  return {};
}

Result<Exit> GuestRuntime::stop(const Container& container, int signal,
                                std::chrono::milliseconds grace, const Stop& stop) {
  if (signal != SIGTERM && signal != SIGKILL) {
    return fail(Code::refused,
                "stop {} by signal {}: Proxmox sends the one that the guest's configuration names",
                label(container), signal);
  }
  const Live guest = TRY(live(container, stop));
  const std::string what = "stop " + label(container);
  if (guest.state.status == Status::created) {
    return fail(Code::conflict, "{}: it is created", what);
  }
  if (guest.state.status == Status::stopped) {
    return Exit{};
  }
  const Result<system::UniqueFd> init = lxc_open_init(options_.lxc_path, guest_name(guest.vmid));
  if (guest.state.status == Status::paused) {
    TRY(lxc_thaw(options_.lxc_path, guest_name(guest.vmid), stop).context(what));
  }
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(grace);
  if (signal == SIGKILL || seconds.count() <= 0) {
    TRY(guests_.stop(guest.vmid, stop).context(what));
  } else {
    TRY(guests_.shutdown(guest.vmid, seconds, stop).context(what));
  }
  Exit exit;
  if (init) {
    exit.code = exit_code_of(init->get());
  }
  return exit;
}

Result<> GuestRuntime::pause(const Container& container, const Stop& stop) {
  const Live guest = TRY(live_as(container, Status::running, "pause", stop));
  return lxc_freeze(options_.lxc_path, guest_name(guest.vmid), stop)
      .context("pause " + label(container));
}

Result<> GuestRuntime::resume(const Container& container, const Stop& stop) {
  const Live guest = TRY(live_as(container, Status::paused, "resume", stop));
  return lxc_thaw(options_.lxc_path, guest_name(guest.vmid), stop)
      .context("resume " + label(container));
}

Result<State> GuestRuntime::state(const Container& container, const Stop& stop) {
  const Live guest = TRY(live(container, stop));
  return guest.state;
}

Result<> GuestRuntime::remove(const Container& container, bool force, const Stop& stop) {
  TRY(take_away(container, force, stop));
  forget_number(container);
  return {};
}

Result<> GuestRuntime::take_away(const Container& container, bool force, const Stop& stop) {
  const Result<Live> found = live(container, stop);
  if (!found) {
    return found.error().code == Code::not_found ? output_.forget(container)
                                                 : Failure(found.error());
  }
  const Status status = found->state.status;
  const std::string what = "remove " + label(container);
  if (!force && status != Status::created && status != Status::stopped) {
    return fail(Code::conflict, "{}: it is {}", what, to_string(status));
  }
  if (status == Status::paused) {
    TRY(lxc_thaw(options_.lxc_path, guest_name(found->vmid), stop).context(what));
  }
  TRY(guests_.remove(found->vmid, force, stop).context(what));
  return output_.forget(container);
}

Result<std::vector<Found>> GuestRuntime::inventory(const Stop& stop) {
  const std::vector<proxmox::GuestInfo> guests = TRY(guests_.list(stop));
  std::vector<Found> all;
  for (const proxmox::GuestInfo& guest : guests) {
    // One that is being copied from another has that one's tags still.
    const GuestStamp stamp =
        guest.lock == "create" ? GuestStamp{false, guest.hostname, "", false} : stamp_of(guest);
    State state{guest.running ? Status::running : Status::stopped, 0, {}};
    if (stamp.ours) {
      state = TRY(state_of(guest, stop));
    }
    all.push_back({stamp.name, stamp.job, state, guest.vmid});
  }
  return all;
}

}  // namespace drover::runtimes
