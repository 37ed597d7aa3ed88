#include "proxmox/guest_snapshots.h"

#include <algorithm>
#include <tuple>

#include "proxmox/answer.h"

namespace drover::proxmox {
namespace {

/// A storage that copies takes minutes for a large disk.
constexpr std::chrono::minutes kSnapshotTimeout{60};
/// How the list calls the guest as it is now.
constexpr std::string_view kNow = "current";

std::string snapshots_path(const Client& client, Vmid vmid) {
  return fmt::format("/nodes/{}/lxc/{}/snapshot", path_segment(client.node()), vmid.value);
}

/// Proxmox ends a description with a newline.
std::string without_line_end(std::string_view text) {
  while (text.ends_with('\n')) {
    text.remove_suffix(1);
  }
  return std::string(text);
}

std::string snapshot_path(const Client& client, Vmid vmid, const std::string& name) {
  return snapshots_path(client, vmid) + "/" + path_segment(name);
}

}  // namespace

Result<GuestSnapshots> SnapshotCalls::list(Vmid vmid, const Stop& stop) {
  const json::Array list =
      TRY(list_of(client_.get(snapshots_path(client_, vmid), {}, stop), "list snapshots"));
  GuestSnapshots found;
  for (const json::Value& value : list) {
    const std::string name(value.at("name").string_or(""));
    const std::string parent(value.at("parent").string_or(""));
    if (name == kNow) {
      found.parent = parent;
    } else {
      found.all.push_back({name, parent, without_line_end(value.at("description").string_or("")),
                           value.at("snaptime").integer_or(0),
                           value.at("snapstate").string_or("").empty()});
    }
  }
  std::sort(found.all.begin(), found.all.end(),
            [](const GuestSnapshot& one, const GuestSnapshot& other) {
              return std::tie(one.taken_at, one.name) < std::tie(other.taken_at, other.name);
            });
  return found;
}

Result<> SnapshotCalls::finish(const json::Value& answer, const Stop& stop) {
  const Upid upid = TRY(Upid::parse(answer.string_or("")));
  return tasks_.wait(upid, kSnapshotTimeout, stop, Tasks::GivenUp::left);
}

Result<> SnapshotCalls::take(Vmid vmid, const std::string& name, const std::string& description,
                             const Stop& stop) {
  const Result<json::Value> answer = client_.post(
      snapshots_path(client_, vmid), {{"snapname", name}, {"description", description}}, stop);
  if (answer) {
    return tasks_.wait(*answer, kSnapshotTimeout, stop);
  }
  if (answer.error().code != Code::timed_out) {
    return Failure(answer.error());
  }
  TRY(guests_.settle(vmid, vmid, vmid, stop));
  const GuestSnapshots found = TRY(list(vmid, stop));
  const bool taken =
      std::any_of(found.all.begin(), found.all.end(), [&](const GuestSnapshot& snapshot) {
        return snapshot.name == name && snapshot.whole && snapshot.description == description;
      });
  return taken ? Result<>()
               : fail(Code::unavailable, "{}; no task of guest {} runs, and it has no snapshot {}",
                      answer.error().message, vmid.value, name);
}

Result<> SnapshotCalls::roll_back(Vmid vmid, const std::string& name, const Stop& stop) {
  // Nothing tells whether one whose answer was lost has come to its end. It is done once more: the
  // guest does not run in between.
  constexpr int kMostTries = 3;
  for (int tries = 1;; ++tries) {
    const Result<json::Value> answer =
        client_.post(snapshot_path(client_, vmid, name) + "/rollback", {}, stop);
    if (answer) {
      return finish(*answer, stop);
    }
    if (answer.error().code != Code::timed_out) {
      return Failure(answer.error());
    }
    TRY(guests_.settle(vmid, vmid, vmid, stop));
    if (tries == kMostTries) {
      return fail(Code::unavailable, "{}", answer.error().message);
    }
  }
}

Result<> SnapshotCalls::remove(Vmid vmid, const std::string& name, const Stop& stop) {
  const Result<json::Value> answer = client_.del(snapshot_path(client_, vmid, name), {}, stop);
  const Result<> removed = answer ? finish(*answer, stop) : Result<>(Failure(answer.error()));
  if (removed) {
    return {};
  }
  // Also the task's own failure may read so ("Volume group not found"): half of it is there then.
  const bool is_lost = !answer && answer.error().code == Code::timed_out;
  if (!is_lost && removed.error().code != Code::not_found) {
    return removed;
  }
  if (is_lost) {
    TRY(guests_.settle(vmid, vmid, vmid, stop));
  }
  const GuestSnapshots found = TRY(list(vmid, stop));
  const bool gone =
      std::none_of(found.all.begin(), found.all.end(),
                   [&](const GuestSnapshot& snapshot) { return snapshot.name == name; });
  if (gone || !is_lost) {
    return gone ? Result<>() : removed;
  }
  return fail(Code::unavailable, "{}; no task of guest {} runs, and it has snapshot {} still",
              removed.error().message, vmid.value, name);
}

}  // namespace drover::proxmox
