// Checkpoints of runc, which has CRIU make them (decision 53).
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "agent/system/child.h"
#include "agent/system/disk_space.h"
#include "runtimes/oci/checkpoint_folder.h"
#include "runtimes/oci/network_lock.h"
#include "runtimes/oci/oci_runtime.h"
#include "runtimes/oci/wait_for.h"
#include "runtimes/resources_held.h"
#include "runtimes/sessions/input_relay.h"
#include "runtimes/volumes/mount_table.h"

namespace drover::runtimes {
namespace {

/// Of memory on a slow disk. CRIU gives up by itself when it cannot freeze what it writes.
constexpr std::chrono::minutes kMostDump{60};
constexpr std::chrono::seconds kDumpedEndTime{10};
/// Beside the memory that is written: logs, and what else there is of files.
constexpr std::uint64_t kRoomBesideMemory = std::uint64_t{64} << 20;
constexpr std::uint64_t kMibOfMemory = std::uint64_t{1} << 20;
/// Held by runc and CRIU alike; above the numbers that runc has for CRIU.
constexpr int kLockNumber = 40;

std::int64_t unix_ms_now() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
}

/// Of a file that was removed, or replaced, since it is mounted CRIU writes that it has to make it
/// anew, and then fails, because the new one is there.
Result<> check_mounted(const ContainerName& name, pid_t pid) {
  const std::string table = system::read_file(fmt::format("/proc/{}/mountinfo", pid)).value_or("");
  for (const MountPoint& mount : parse_mount_table(table)) {
    if (mount.removed) {
      return fail(
          Code::conflict,
          "what is mounted inside at {} was removed or replaced on the node since, and could "
          "not be restored; drover restart {} mounts what is there now",
          mount.target.native(), name.str());
    }
  }
  return {};
}

}  // namespace

std::string OciRuntime::search_path() const {
  const char* const usual = std::getenv("PATH");
  return options_.criu.parent_path().native() + (usual == nullptr ? "" : ":" + std::string(usual));
}

std::vector<std::string> OciRuntime::criu_options(const CheckpointWish& wish) {
  std::vector<std::string> options;
  if (wish.tcp_established) {
    options.emplace_back("--tcp-established");
  }
  if (wish.file_locks) {
    options.emplace_back("--file-locks");
  }
  return options;
}

Result<> OciRuntime::check_checkpoints(const Container& container) const {
  const auto refuse = [](const std::string& why) { return fail(Code::refused, "{}", why); };
  if (container.users != 0) {
    return refuse(
        "it has users of its own (user_namespace), whom CRIU does not restore in a namespace that "
        "was there before");
  }
  if (container.spec.terminal) {
    return refuse("its program has a terminal, whose other end would be another one's");
  }
  if (access(options_.criu.c_str(), X_OK) != 0) {
    return refuse(fmt::format(
        "runc has the program criu write and restore processes, and {} is not there: apt install "
        "criu",
        options_.criu.native()));
  }
  return {};
}

Result<> OciRuntime::check_room(pid_t pid) const {
  const std::uint64_t held = memory_held(pid).value_or(0);
  const system::DiskSpace space = TRY(system::disk_space(layout_.state));
  return space.free >= held + kRoomBesideMemory
             ? Result<>()
             : fail(Code::unavailable,
                    "it holds {} MiB of memory, and {} has {} MiB left for that and {} MiB besides",
                    held / kMibOfMemory, layout_.state.native(), space.free / kMibOfMemory,
                    kRoomBesideMemory / kMibOfMemory);
}

Result<> OciRuntime::dump(const ContainerName& name, const CheckpointFolder& folder,
                          const CheckpointWish& wish, const Stop& stop) const {
  std::vector<std::string> words{"checkpoint", "--image-path", folder.images_begun().native(),
                                 "--work-path", folder.work_begun().native()};
  if (wish.leave_running) {
    words.emplace_back("--leave-running");
  }
  for (std::string& option : criu_options(wish)) {
    words.push_back(std::move(option));
  }
  words.push_back(name.str());
  system::UniqueFd lock = TRY(folder.lock());
  const Path log = folder.work_begun() / "runc.log";
  system::ChildOptions options;
  options.env["PATH"] = search_path();
  options.descriptors = {{lock.get(), kLockNumber}};
  // It goes on when the agent ends, so it says what it has to say to a file.
  system::Child child = TRY(system::Child::start(runtime_.argv(words, log), options));
  lock.reset();
  if (!TRY(wait_for(child.pidfd(), stop, std::chrono::steady_clock::now() + kMostDump))) {
    return fail(Code::timed_out, "runc checkpoint did not end within {} min", kMostDump.count());
  }
  const system::Ending ending = child.try_wait().value_or(system::Ending{});
  if (ending.code == 0) {
    return {};
  }
  std::string why = last_error_record(system::read_file(log).value_or(""));
  std::string criu =
      last_criu_errors(system::read_file(folder.work_begun() / "dump.log").value_or(""));
  if (criu.empty()) {
    // It had not come so far as to have a log.
    const Result<system::Output> check = system::run({options_.criu.native(), "check"}, stop);
    criu = check && check->ending.code != 0 ? last_criu_errors(check->out + check->err) : "";
  }
  return fail(Code::broken, "runc checkpoint: ended with {}: {}{}{}", ending.code, why,
              criu.empty() ? "" : "; CRIU: ", criu);
}

Result<Checkpoint> OciRuntime::checkpoint(const Container& container, const CheckpointWish& wish,
                                          const JobId& job, const Stop& stop) {
  const ContainerName& name = container.name;
  const std::string what = "checkpoint container " + name.str();
  TRY(check_checkpoints(container).context(what));
  TRY(give_up(container, stop));
  const LiveState now = TRY(require(container, "checkpoint", {Status::running}, stop));
  TRY(check_room(now.pid).context(what));
  TRY(check_mounted(name, now.pid).context(what));
  const CheckpointFolder folder(layout_, name);
  std::error_code error;
  TRY(folder
          .begin({job.str(), unix_ms_now(), wish,
                  std::filesystem::exists(input_ended_note(layout_.bundle(name)), error)})
          .context(what));
  const Result<> dumped = dump(name, folder, wish, stop).context(what);
  if (!dumped &&
      (dumped.error().code == Code::cancelled || dumped.error().code == Code::timed_out)) {
    return Failure(dumped.error());
  }
  const Stop never;
  const Result<std::optional<Checkpoint>> made = made_by(container, job, never);
  if (dumped && made && *made) {
    return **made;
  }
  Error why = !dumped ? dumped.error()
              : !made ? Error(made.error()).context(what)
                      : Error{Code::broken, what + ": CRIU's log has no end", {}};
  if (const Result<> left = give_up(container, never); !left) {
    why.message += "; then, while taking it back: " + left.error().message;
  }
  return Failure(std::move(why));
}

Result<> OciRuntime::end_checkpointed(const ContainerName& name, const CheckpointWish& wish,
                                      const Stop& stop) const {
  if (TRY(ask_live_state(runtime_, name.str(), stop))) {
    // runc was killed, or was faster than the kernel.
    const system::UniqueFd first = TRY(open_first_process(name, stop));
    if (first.valid() &&
        !TRY(wait_for(first.get(), stop, std::chrono::steady_clock::now() + kDumpedEndTime))) {
      return fail(Code::unavailable, "its processes were written, but do not end");
    }
    TRY(runtime_.run({"delete", name.str()}, stop));
  }
  TRY(monitor_.end(name, stop, kDumpedEndTime));
  // With connections to be restored nobody may be told that there are none.
  return wish.tcp_established ? Result<>() : unlock_network(Layout::netns(name), stop);
}

Result<std::optional<Checkpoint>> OciRuntime::made_by(const Container& container, const JobId& job,
                                                      const Stop& stop) {
  const CheckpointFolder folder(layout_, container.name);
  TRY(folder.wait_until_unlocked(stop, kMostDump));
  const std::optional<CheckpointFacts> begun = folder.begun_and_whole();
  if (begun && begun->job == job.str()) {
    TRY(keep_begun(container.name, *begun, stop));
  }
  const Result<CheckpointFacts> kept = folder.kept();
  return kept && kept->job == job.str() ? folder.whole() : std::nullopt;
}

Result<> OciRuntime::keep_begun(const ContainerName& name, const CheckpointFacts& facts,
                                const Stop& stop) const {
  if (!facts.wish.leave_running) {
    TRY(end_checkpointed(name, facts.wish, stop));
  }
  return CheckpointFolder(layout_, name).keep();
}

Result<> OciRuntime::give_up(const Container& container, const Stop& stop) {
  const ContainerName& name = container.name;
  const CheckpointFolder folder(layout_, name);
  std::error_code error;
  if (!std::filesystem::exists(layout_.checkpoint_begun(name), error)) {
    return {};
  }
  TRY(folder.wait_until_unlocked(stop, kMostDump));
  if (const std::optional<CheckpointFacts> whole = folder.begun_and_whole()) {
    return keep_begun(name, *whole, stop);
  }
  const std::optional<LiveState> now = TRY(ask_live_state(runtime_, name.str(), stop));
  if (now && now->status == Status::paused) {
    TRY(runtime_.run({"resume", name.str()}, stop));  // CRIU was killed in the middle
  }
  TRY(unlock_network(Layout::netns(name), stop));
  return folder.discard_begun();
}

Result<> OciRuntime::forget(const Container& container) {
  return CheckpointFolder(layout_, container.name).forget();
}

std::optional<Exit> OciRuntime::end_by_checkpoint(const ContainerName& name,
                                                  const Stop& stop) const {
  const CheckpointFolder folder(layout_, name);
  if (!folder.is_noted()) {
    return std::nullopt;
  }
  // Its processes end a moment before CRIU says that it is done.
  (void)folder.wait_until_unlocked(stop, kDumpedEndTime).has_value();
  const std::optional<CheckpointFacts> run = folder.ended_run();
  return run ? std::optional(Exit{std::nullopt, false, run->at_unix_ms, std::string(kCheckpointed)})
             : std::nullopt;
}

}  // namespace drover::runtimes
