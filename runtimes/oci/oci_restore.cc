// Restores of runc: what CRIU has written goes on, under a conmon of its own as after a create.
#include <fcntl.h>
#include <sys/mount.h>

#include <algorithm>
#include <filesystem>

#include "runtimes/log_rotation.h"
#include "runtimes/oci/cgroup.h"
#include "runtimes/oci/checkpoint_folder.h"
#include "runtimes/oci/network_lock.h"
#include "runtimes/oci/oci_runtime.h"
#include "runtimes/oci/pid_file.h"
#include "runtimes/secret_files.h"
#include "runtimes/sessions/input_relay.h"
#include "runtimes/volumes/mount_table.h"

namespace drover::runtimes {
namespace {

/// What was written in a minute is not read much faster.
constexpr std::chrono::minutes kMostRestore{60};
constexpr std::chrono::seconds kOldMonitorEndTime{10};
/// CRIU's, in the bundle: conmon has runc work there.
constexpr const char* kRestoreLog = "restore.log";

/// What runc has mounted for CRIU below the root of a container, as it does that on the node, and
/// was killed before it could take it away (prepareCriuRestoreMounts of runc 1.1).
Result<> unmount_below(const Path& root) {
  const std::string table = TRY(system::read_file("/proc/self/mountinfo"));
  std::vector<MountPoint> mounts = parse_mount_table(table);
  std::reverse(mounts.begin(), mounts.end());
  for (const MountPoint& mount : mounts) {
    if (mount.target.native().starts_with(root.native() + "/")) {
      umount2(mount.target.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);
    }
  }
  return {};
}

}  // namespace

Result<> OciRuntime::restore(const Container& container, const Stop& stop) {
  const ContainerName& name = container.name;
  const std::string what = "restore container " + name.str();
  TRY(check_checkpoints(container).context(what));
  TRY(give_up(container, stop));
  const CheckpointFolder folder(layout_, name);
  const Result<CheckpointFacts> facts = folder.kept();
  if (!facts) {
    return facts.error().code == Code::not_found
               ? fail(Code::not_found, "{}: it has no checkpoint", what)
               : Failure(Error(facts.error()).context(what));
  }
  TRY(require(container, "restore", {Status::stopped}, stop));
  const SecretFiles secrets = TRY(lay_out_secrets(layout_, container).context(what));
  if (TRY(ask_live_state(runtime_, name.str(), stop))) {
    TRY(runtime_.run({"delete", name.str()}, stop));
  }
  TRY(monitor_.end(name, stop, kOldMonitorEndTime));
  TRY(monitor_.forget(name));
  Result<> restored = end_torn_record(layout_.log(name));
  if (restored) {
    restored = write_bundle(layout_, container, bundle_options());
  }
  if (restored) {
    restored =
        monitor_.create(runtime_, name, {container.spec.input && !facts->input_ended, false},
                        monitor_log(container.spec), stop, kMostRestore,
                        Restoring{folder.images(), criu_options(facts->wish), search_path()});
  }
  if (restored) {
    restored = settle_restored(name, *facts, stop);
  }
  if (restored) {
    return {};
  }
  Error error = std::move(restored).error();
  if (const std::string criu =
          last_criu_errors(system::read_file(layout_.bundle(name) / kRestoreLog).value_or(""));
      !criu.empty()) {
    error.message += "; CRIU: " + criu;
  }
  const Stop never;
  if (const Result<> undone = give_up_restore(container, never); !undone) {
    error.message += "; then, while undoing it: " + undone.error().message;
  }
  return Failure(std::move(error).context(what));
}

Result<> OciRuntime::settle_restored(const ContainerName& name, const CheckpointFacts& facts,
                                     const Stop& stop) const {
  // CRIU locks it once more and then fails to take out what stands there twice.
  TRY(unlock_network(Layout::netns(name), stop));
  if (facts.input_ended) {
    const Path note = input_ended_note(layout_.bundle(name));
    const system::UniqueFd made(open(note.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  }
  return {};
}

Result<bool> OciRuntime::has_restored(const Container& container, const Stop& stop) {
  const ContainerName& name = container.name;
  const CheckpointFolder folder(layout_, name);
  const Result<CheckpointFacts> facts = folder.kept();
  const bool goes_on =
      TRY(monitor_.take_over(name, monitor_log(container.spec), stop, kMostRestore));
  std::error_code error;
  // One that has ended since has written how.
  const bool was_there = goes_on || (pid_in(layout_.pid_file(name)) != 0 &&
                                     std::filesystem::exists(layout_.exit_file(name), error));
  // Or all of that is the former run's, whose bundle was to be taken away yet.
  const bool is_of_restore =
      std::filesystem::exists(layout_.bundle(name) / kRestoreLog, error) && !folder.is_noted();
  if (!facts || !was_there || !is_of_restore) {
    return false;
  }
  TRY(settle_restored(name, *facts, stop));
  return true;
}

Result<> OciRuntime::give_up_restore(const Container& container, const Stop& stop) {
  const ContainerName& name = container.name;
  // runc ends with its monitor. CRIU, which it had put into the container's group, does not.
  TRY(monitor_.end(name, stop, std::chrono::milliseconds(0)));
  end_group(cgroup_path_of(name, options_.systemd_cgroup));
  TRY(unmount_below(runtime_.root() / name.str()));
  TRY(unmount_below(container.rootfs));
  TRY(take_away(name, stop));
  TRY(remove_cgroup(cgroup_path_of(name, options_.systemd_cgroup), stop));
  TRY(write_bundle(layout_, container, bundle_options()));
  const CheckpointFolder folder(layout_, name);
  const Result<CheckpointFacts> facts = folder.kept();
  return facts && !facts->wish.leave_running ? folder.note(*facts) : Result<>();
}

}  // namespace drover::runtimes
