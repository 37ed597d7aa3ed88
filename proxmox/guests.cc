#include "proxmox/guests.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "agent/core/split.h"
#include "proxmox/answer.h"

namespace drover::proxmox {
namespace {

using std::chrono::milliseconds;

constexpr std::chrono::minutes kCreateTimeout{30};
constexpr std::chrono::hours kRestoreTimeout{48};
constexpr std::chrono::minutes kTaskTimeout{5};
constexpr std::string_view kRunning = "running";
constexpr std::string_view kStopped = "stopped";
constexpr std::string_view kAbsent = "not there";
constexpr std::string_view kCopyTask = "vzclone";

std::string guests_path(const Client& client) {
  return "/nodes/" + path_segment(client.node()) + "/lxc";
}

std::string guest_path(const Client& client, Vmid vmid) {
  return guests_path(client) + "/" + std::to_string(vmid.value);
}

/// The guest a task is about.
std::optional<Vmid> number_of(const Upid& upid) {
  std::uint32_t number = 0;
  const char* const end = upid.id.data() + upid.id.size();
  return std::from_chars(upid.id.data(), end, number).ptr == end && number > 0
             ? std::optional(Vmid{number})
             : std::nullopt;
}

/// One that was broken off leaves a guest that Proxmox keeps locked, or the halves of two states,
/// or a disk that is larger than its file system, or copies of disks on another node.
bool is_worse_by_half(const Upid& upid) {
  return upid.type == "vzrollback" || upid.type == "vzdelsnapshot" || upid.type == "resize" ||
         upid.type == "vzmigrate";
}

/// A backup by who shares our user tells whoever changes the guest, and so does a copy.
bool changes_guest(const Upid& upid) {
  return upid.type == "resize" ||
         (upid.type.starts_with("vz") && upid.type != "vzdump" && upid.type != kCopyTask);
}

/// What copies disks, and what is better not done again before it has ended, may take its time.
milliseconds patience_with(const Upid& upid) {
  const bool copies = upid.type == "vzrestore" || upid.type == "vzsnapshot";
  return copies || is_worse_by_half(upid) ? milliseconds(kRestoreTimeout) : kCreateTimeout;
}

/// Whether a create failed because somebody has the number ("CT 100 already exists on node ...").
bool is_taken(const Error& error, Vmid vmid) {
  const std::string number = std::to_string(vmid.value);
  return error.code == Code::conflict &&
         (error.message.find("CT " + number + " already exists") != std::string::npos ||
          error.message.find("VM " + number + " already exists") != std::string::npos);
}

/// Somebody else is at work on the source.
Error with_meaning_of_copy(Error error) {
  const auto says = [&error](std::string_view text) {
    return error.message.find(text) != std::string::npos;
  };
  if (says("is locked (") || says("unexpected state change")) {
    error.code = Code::unavailable;
  } else if (says("on a running container without snapshots")) {
    error.code = Code::conflict;
  }
  return error;
}

}  // namespace

Form creation_form(const GuestRequest& request, Vmid vmid) {
  Form form = {{"vmid", std::to_string(vmid.value)},
               {"ostemplate", request.template_volume},
               {"hostname", request.hostname}};
  if (!request.rootfs.empty()) {
    form.emplace_back("rootfs", request.rootfs);
  }
  if (request.restore) {
    form.emplace_back("restore", "1");
  }
  for (std::size_t i = 0; i < request.nets.size(); ++i) {
    form.emplace_back("net" + std::to_string(i), request.nets.at(i));
  }
  for (std::size_t i = 0; i < request.mount_points.size(); ++i) {
    form.emplace_back("mp" + std::to_string(i), request.mount_points.at(i));
  }
  if (!request.tags.empty()) {
    form.emplace_back("tags", join_tags(request.tags));
  }
  form.insert(form.end(), request.more.begin(), request.more.end());
  return form;
}

GuestInfo read_guest(const json::Value& value) {
  return {Vmid{static_cast<std::uint32_t>(value.at("vmid").integer_or(0))},
          std::string(value.at("name").string_or("")),
          value.at("status").string_or("") == "running",
          std::string(value.at("lock").string_or("")), split_tags(value.at("tags").string_or(""))};
}

std::vector<std::string> split_tags(std::string_view text) {
  return split(text, ";");
}

std::string join_tags(const std::vector<std::string>& tags) {
  std::string text;
  for (const std::string& tag : tags) {
    text += (text.empty() ? "" : ";") + tag;
  }
  return text;
}

Result<Vmid> Guests::take_number(Vmid first, Vmid last, const std::vector<GuestInfo>& known,
                                 const std::string& hostname,
                                 const std::function<Result<>(Vmid)>& make) {
  for (Vmid vmid = first; vmid <= last; ++vmid.value) {
    const bool taken = std::any_of(known.begin(), known.end(),
                                   [vmid](const GuestInfo& guest) { return guest.vmid == vmid; });
    if (taken) {
      continue;
    }
    const Result<> made = make(vmid);
    if (made) {
      return vmid;
    }
    if (!is_taken(made.error(), vmid)) {
      return Failure(made.error());
    }
  }
  return fail(Code::unavailable, "create guest {}: every number from {} to {} is taken", hostname,
              first.value, last.value);
}

Result<Vmid> Guests::create(const GuestRequest& request, Vmid first, Vmid last,
                            const std::vector<GuestInfo>& known, const Stop& stop,
                            const std::function<void(Vmid)>& trying) {
  return take_number(first, last, known, request.hostname, [&](Vmid vmid) -> Result<> {
    trying(vmid);
    const json::Value answer =
        TRY(client_.post(guests_path(client_), creation_form(request, vmid), stop));
    return tasks_.wait(answer, request.restore ? milliseconds(kRestoreTimeout) : kCreateTimeout,
                       stop);
  });
}

Result<Vmid> Guests::copy(const CopyRequest& request, Vmid first, Vmid last,
                          const std::vector<GuestInfo>& known, const Stop& stop,
                          const std::function<void(Vmid)>& trying) {
  return take_number(first, last, known, request.hostname, [&](Vmid vmid) -> Result<> {
    trying(vmid);
    Form form = {{"newid", std::to_string(vmid.value)},
                 {"hostname", request.hostname},
                 {"description", request.description},
                 {"full", "1"}};
    if (!request.snapshot.empty()) {
      form.emplace_back("snapname", request.snapshot);
    }
    const Result<json::Value> answer =
        client_.post(guest_path(client_, request.source) + "/clone", form, stop);
    const Result<> copied =
        answer ? tasks_.wait(*answer, kRestoreTimeout, stop) : Result<>(Failure(answer.error()));
    return copied ? copied : Failure(with_meaning_of_copy(copied.error()));
  });
}

Result<std::vector<GuestInfo>> Guests::list(const Stop& stop) {
  const json::Array list = TRY(list_of(client_.get(guests_path(client_), {}, stop), "list guests"));
  std::vector<GuestInfo> guests;
  for (const json::Value& value : list) {
    guests.push_back(read_guest(value));
    if (guests.back().vmid.value == 0) {
      return fail(Code::broken, "list guests: the answer has one without a number");
    }
  }
  return guests;
}

Result<GuestInfo> Guests::status(Vmid vmid, const Stop& stop) {
  const json::Value answer =
      TRY(client_.get(guest_path(client_, vmid) + "/status/current", {}, stop));
  GuestInfo info = read_guest(answer);
  info.vmid = vmid;
  return info;
}

Result<> Guests::finish(const Result<json::Value>& answer, milliseconds timeout, Vmid vmid,
                        std::string_view wanted, const Stop& stop) {
  if (answer) {
    return tasks_.wait(*answer, timeout, stop);
  }
  if (answer.error().code != Code::timed_out) {
    return Failure(answer.error());
  }
  TRY(settle(vmid, vmid, vmid, stop));
  const Result<GuestInfo> guest = status(vmid, stop);
  if (!guest && guest.error().code != Code::not_found) {
    return Failure(
        Error(guest.error())
            .context(fmt::format("{}; look at guest {}", answer.error().message, vmid.value)));
  }
  std::string_view found = kAbsent;
  if (guest) {
    found = guest->running ? kRunning : kStopped;
  }
  if (found == wanted) {
    return {};
  }
  return fail(Code::unavailable, "{}; no task of guest {} runs, and it is {}",
              answer.error().message, vmid.value, found);
}

Result<> Guests::start(Vmid vmid, const Stop& stop) {
  const Result<json::Value> answer =
      client_.post(guest_path(client_, vmid) + "/status/start", {}, stop);
  return finish(answer, kTaskTimeout, vmid, kRunning, stop);
}

Result<> Guests::shutdown(Vmid vmid, std::chrono::seconds grace, const Stop& stop) {
  const Result<json::Value> answer =
      client_.post(guest_path(client_, vmid) + "/status/shutdown",
                   {{"timeout", std::to_string(grace.count())}, {"forceStop", "1"}}, stop);
  return finish(answer, std::chrono::duration_cast<milliseconds>(grace) + kTaskTimeout, vmid,
                kStopped, stop);
}

Result<> Guests::stop(Vmid vmid, const Stop& stop) {
  const Result<json::Value> answer =
      client_.post(guest_path(client_, vmid) + "/status/stop", {}, stop);
  const bool is_down = !answer && answer.error().code == Code::conflict &&
                       answer.error().message.find("not running") != std::string::npos;
  return is_down ? Result<>() : finish(answer, kTaskTimeout, vmid, kStopped, stop);
}

Result<> Guests::settle(std::optional<Vmid> vmid, Vmid first, Vmid last, const Stop& stop) {
  // A token is ours alone; as the user that logs in by password others may work, too. And without a
  // number what is awaited may well be another job's.
  const Tasks::GivenUp given_up =
      vmid && names_token(client_.user()) ? Tasks::GivenUp::aborted : Tasks::GivenUp::left;
  const std::vector<Upid> running = TRY(tasks_.running(stop));
  for (const Upid& upid : running) {
    const std::optional<Vmid> id = number_of(upid);
    const bool makes = upid.type == "vzcreate" || upid.type == "vzrestore";
    const bool concerns =
        id && (vmid ? *id == *vmid : makes && first.value <= id->value && id->value <= last.value);
    // What others have begun is theirs.
    if (!concerns || upid.user != client_.user() || !changes_guest(upid)) {
      continue;
    }
    const Result<> ended = tasks_.wait(upid, patience_with(upid), stop,
                                       is_worse_by_half(upid) ? Tasks::GivenUp::left : given_up);
    if (!ended) {
      TRY(stop.check("wait for task " + upid.str()));
    }
  }
  return {};
}

Result<> Guests::settle_copies(Vmid source, const Stop& stop) {
  const std::vector<Upid> running = TRY(tasks_.running(stop));
  for (const Upid& upid : running) {
    if (upid.type != kCopyTask || number_of(upid) != source || upid.user != client_.user()) {
      continue;
    }
    const Result<> ended = tasks_.wait(upid, kRestoreTimeout, stop, Tasks::GivenUp::left);
    if (!ended) {
      TRY(stop.check("wait for task " + upid.str()));
    }
  }
  return {};
}

Result<> Guests::remove(Vmid vmid, bool force, const Stop& stop) {
  Form query;
  if (force) {
    query.emplace_back("force", "1");
  }
  const Result<json::Value> answer = client_.del(guest_path(client_, vmid), query, stop);
  const bool is_gone = !answer && answer.error().code == Code::not_found;
  return is_gone ? Result<>() : finish(answer, kTaskTimeout, vmid, kAbsent, stop);
}

}  // namespace drover::proxmox
