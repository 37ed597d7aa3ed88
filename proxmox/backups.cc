#include "proxmox/backups.h"

#include <algorithm>

#include "proxmox/answer.h"

namespace drover::proxmox {
namespace {

/// Proxmox itself bounds none: of a large guest on a slow storage it may take a night.
constexpr std::chrono::hours kBackupTimeout{48};
constexpr std::string_view kBackupTask = "vzdump";

/// Its exit status is always "job errors"; why is in its log, the end of which the message has.
Error with_meaning(Error error) {
  if (error.code == Code::broken) {
    error.code = meaning_of(error.message);
  }
  return error;
}

/// In the notes' template braces would name variables, and backslashes begin escapes.
Result<> check_notes(const std::string& notes) {
  return notes.find_first_of("{}\\\n") == std::string::npos
             ? Result<>()
             : fail(Code::broken, "notes of a backup cannot be \"{}\"", notes);
}

}  // namespace

Result<> Backups::make(const BackupRequest& request, const Stop& stop) {
  TRY(check_notes(request.notes));
  const Result<json::Value> answer =
      client_.post("/nodes/" + path_segment(client_.node()) + "/vzdump",
                   {{"vmid", std::to_string(request.vmid.value)},
                    {"storage", request.storage},
                    {"mode", request.mode},
                    {"compress", request.compress},
                    // Else it deletes older ones of the guest, as the storage's retention says.
                    {"remove", "0"},
                    {"notes-template", request.notes}},
                   stop);
  if (answer) {
    const Result<> made = tasks_.wait(*answer, kBackupTimeout, stop);
    return made ? made : Failure(with_meaning(made.error()));
  }
  if (answer.error().code != Code::timed_out) {
    return Failure(answer.error());
  }
  TRY(settle(request.vmid, false, stop));
  const std::optional<BackupInfo> found =
      TRY(find(request.storage, request.vmid, request.notes, stop));
  return found
             ? Result<>()
             : fail(Code::unavailable, "{}; no backup of guest {} goes on, and there is none of it",
                    answer.error().message, request.vmid.value);
}

Result<std::optional<BackupInfo>> Backups::find(const std::string& storage, Vmid vmid,
                                                const std::string& notes, const Stop& stop) {
  const json::Array list =
      TRY(list_of(client_.get(fmt::format("/nodes/{}/storage/{}/content",
                                          path_segment(client_.node()), path_segment(storage)),
                              {{"content", "backup"}, {"vmid", std::to_string(vmid.value)}}, stop),
                  "list backups on storage " + storage));
  std::optional<BackupInfo> newest;
  for (const json::Value& value : list) {
    // Proxmox writes the notes when the backup is whole.
    const std::int64_t at = value.at("ctime").integer_or(0);
    if (value.at("notes").string_or("") == notes && (!newest || newest->taken_at < at)) {
      newest = BackupInfo{
          std::string(value.at("volid").string_or("")),
          static_cast<std::uint64_t>(std::max<std::int64_t>(0, value.at("size").integer_or(0))),
          at};
    }
  }
  return newest;
}

Result<> Backups::settle(Vmid vmid, bool abort, const Stop& stop) {
  const std::vector<Upid> running = TRY(tasks_.running(stop));
  for (const Upid& upid : running) {
    if (upid.type != kBackupTask || upid.id != std::to_string(vmid.value) ||
        upid.user != client_.user()) {
      continue;
    }
    if (abort && names_token(client_.user())) {
      Stop at_once;
      at_once.request();
      [[maybe_unused]] const Result<> aborted = tasks_.wait(upid, kBackupTimeout, at_once);
    }
    // However it ends: its backup is there, or not.
    const Result<> ended = tasks_.wait(upid, kBackupTimeout, stop, Tasks::GivenUp::left);
    if (!ended) {
      TRY(stop.check("wait for task " + upid.str()));
    }
  }
  return {};
}

}  // namespace drover::proxmox
