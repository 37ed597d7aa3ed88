#include "runtimes/root_snapshots.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <tuple>
#include <utility>

#include "agent/core/snapshot_name.h"
#include "agent/system/child.h"
#include "agent/system/clock.h"
#include "agent/system/crash_point.h"
#include "agent/system/disk_space.h"
#include "runtimes/user_view.h"
#include "runtimes/volumes/volume.h"

namespace drover::runtimes {
namespace {

/// A terabyte of changes at 100 MB/s takes three hours; whoever wants it sooner gives the job a
/// deadline.
constexpr std::chrono::hours kCopyTime{24};
/// As much of a disk is kept for records unless the node says otherwise (journal.reserve_mib).
constexpr std::uint64_t kLeftToOthers = std::uint64_t{64} << 20U;
constexpr const char* kRecord = "snapshot.json";
constexpr const char* kUpper = "upper";
constexpr const char* kHeld = "held";
constexpr const char* kTaking = ".new";
constexpr const char* kRollingBack = ".rollback";
constexpr const char* kGoing = ".gone";
/// No snapshot can be named so (check_snapshot_name).
constexpr const char* kCurrent = "current";

std::string of_container(const std::string& snapshot, const Container& container) {
  return fmt::format("snapshot {} of container {}", snapshot, container.name.str());
}

bool stands(const Path& path) {
  std::error_code error;
  return std::filesystem::exists(std::filesystem::symlink_status(path, error));
}

/// What its snapshot.json says.
struct KeptRoot {
  Snapshot snapshot;
  std::string job;
  Path lower;  ///< of the root that it was taken of
};

Result<> write_kept(const Path& folder, const KeptRoot& kept) {
  const json::Object record{{"name", kept.snapshot.name},
                            {"parent", kept.snapshot.parent},
                            {"taken_at", kept.snapshot.taken_at},
                            {"job", kept.job},
                            {"lower", kept.lower.native()}};
  return system::write_atomically(folder / kRecord, json::write(record), 0600);
}

Result<KeptRoot> read_kept(const Path& folder) {
  const std::string text = TRY(system::read_file(folder / kRecord));
  const json::Value record = TRY(json::parse(text));
  return KeptRoot{
      {std::string(record.at("name").string_or("")), std::string(record.at("parent").string_or("")),
       record.at("taken_at").integer_or(0), false},
      std::string(record.at("job").string_or("")),
      std::string(record.at("lower").string_or(""))};
}

std::string current_in(const Path& snapshots) {
  return system::read_file(snapshots / kCurrent).value_or("");
}

/// With owners, links, attributes (which have an overlay's marks) and devices, which are its
/// whiteouts; one that cannot keep the attributes fails.
Result<> copy_tree(const Path& from, const Path& to, const Stop& stop) {
  system::RunOptions options;
  options.child.dies_with_parent = true;
  options.timeout = kCopyTime;
  TRY(system::run_ok(
      {"cp", "-a", "--preserve=xattr", "--reflink=auto", "--", from.native(), to.native()}, stop,
      options));
  return {};
}

/// By a program: whoever runs in there makes folders as deep as he likes.
Result<std::uint64_t> disk_usage_of(const Path& folder, const Stop& stop) {
  system::RunOptions options;
  options.child.dies_with_parent = true;
  options.timeout = kCopyTime;
  // It ends with an error where a file has gone meanwhile, and tells the sum all the same.
  const system::Output said =
      TRY(system::run({"du", "-s", "-B", "1", "--", folder.native()}, stop, options));
  std::uint64_t bytes = 0;
  const auto [end, error] =
      std::from_chars(said.out.data(), said.out.data() + said.out.size(), bytes);
  return error == std::errc() ? Result<std::uint64_t>(bytes)
                              : fail(Code::broken, "du: {}", said.last_line());
}

/// What cp takes until the disk is full nobody else on it has: the journal, logs, other containers.
/// Where blocks are shared it takes none, and nobody can tell before.
Result<> check_room(const Path& from, const Path& folder, const Stop& stop) {
  struct statfs found {};
  if (::statfs(folder.c_str(), &found) == 0 &&
      (found.f_type == BTRFS_SUPER_MAGIC || found.f_type == XFS_SUPER_MAGIC)) {
    return {};
  }
  const system::DiskSpace disk = TRY(system::disk_space(folder));
  const std::uint64_t needed = TRY(disk_usage_of(from, stop));
  return needed + kLeftToOthers <= disk.free
             ? Result<>()
             : fail(Code::unavailable, "its changes take {} MiB, and the disk has {} MiB left",
                    needed >> 20U, disk.free >> 20U);
}

/// So that a name stands for what it says also after a power cut.
Result<> sync_all_of(const Path& folder) {
  const system::UniqueFd opened(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return opened.valid() && ::syncfs(opened.get()) == 0
             ? Result<>()
             : fail(Code::broken, "sync {}: {}", folder.native(), std::strerror(errno));
}

Result<> rename_to(const Path& from, const Path& to) {
  return ::rename(from.c_str(), to.c_str()) == 0
             ? Result<>()
             : fail(Code::broken, "rename {} to {}: {}", from.native(), to.native(),
                    std::strerror(errno));
}

}  // namespace

Result<> RootSnapshots::take_snapshot(const Container& container, const std::string& name,
                                      const JobId& job, const Stop& stop) {
  const std::string what = "take " + of_container(name, container);
  const Path all = layout_.snapshots(container.name);
  TRY(clear_away(container, stop).context(what));
  if (stands(all / name)) {
    const KeptRoot kept = TRY(read_kept(all / name).context(what));
    // One of this very job may not have come to say that the root comes from it.
    return kept.job == job.str()
               ? system::write_atomically(all / kCurrent, name, 0600)
               : fail(Code::conflict, "{}: there is one of that name already", what);
  }
  const Path taking = all / kTaking;
  const auto take = [&]() -> Result<> {
    TRY(system::make_folders(taking, 0700));
    const std::int64_t now = system::SystemClock().unix_ms();
    TRY(write_kept(taking, {{name, current_in(all), now, true}, job.str(), container.lower}));
    TRY(copy_held(container, taking, stop));
    TRY(sync_all_of(taking));
    TRY(rename_to(taking, all / name));
    return system::write_atomically(all / kCurrent, name, 0600);
  };
  Result<> taken = take();
  if (!taken) {
    // Nobody goes on with it: its room is given back, and its program runs on.
    const Stop never;
    [[maybe_unused]] const Result<> cleared = clear_away(container, never);
  }
  return std::move(taken).context(what);
}

Result<> RootSnapshots::copy_held(const Container& container, const Path& folder,
                                  const Stop& stop) {
  const Status before = TRY(status_of(container, stop));
  if (before == Status::stopping || before == Status::unknown) {
    return fail(Code::conflict, "it is {}", to_string(before));
  }
  TRY(check_room(upper_of(container), folder, stop));
  const bool runs = before == Status::running;
  if (runs) {
    // Written before: whoever finds it lets the program go on.
    TRY(system::write_atomically(folder / kHeld, "", 0600));
    if (Result<> paused = runtime_.pause(container, stop); !paused) {
      const Status now = TRY(status_of(container, stop));
      if (now != Status::stopped) {  // else it has ended by itself
        return paused;
      }
    }
  }
  system::crash_point("snapshot held");
  const Result<> copied = copy_tree(upper_of(container), folder / kUpper, stop);
  if (runs) {
    const Stop never;
    TRY(let_go(container, never));
    std::error_code error;
    std::filesystem::remove(folder / kHeld, error);
  }
  return copied;
}

Result<> RootSnapshots::let_go(const Container& container, const Stop& stop) {
  const Status now = TRY(status_of(container, stop));
  return now == Status::paused ? runtime_.resume(container, stop) : Result<>();
}

Result<> RootSnapshots::clear_away(const Container& container, const Stop& stop) {
  const Path all = layout_.snapshots(container.name);
  for (const char* part : {kTaking, kRollingBack, kGoing}) {
    if (stands(all / part / kHeld)) {
      TRY(let_go(container, stop));
    }
    TRY(system::remove_tree(all / part));
  }
  return {};
}

Result<bool> RootSnapshots::has_taken(const Container& container, const std::string& name,
                                      const JobId& job, const Stop& /*stop*/) {
  for (const Path& folder : {Path(name), Path(kTaking)}) {
    const Path place = layout_.snapshots(container.name) / folder;
    if (!stands(place)) {
      continue;
    }
    // Without a record it is one that this job has just begun: others wait for it to end.
    const Result<KeptRoot> kept = read_kept(place);
    if (kept ? kept->snapshot.name == name && kept->job == job.str() : folder == kTaking) {
      return true;
    }
  }
  return false;
}

Result<std::optional<Exit>> RootSnapshots::roll_back(const Container& container,
                                                     const std::string& name, const Stop& stop) {
  const std::string what = "roll back to " + of_container(name, container);
  const Path all = layout_.snapshots(container.name);
  TRY(clear_away(container, stop).context(what));
  const KeptRoot kept = TRY(read_kept(all / name).context(what));
  if (kept.lower != container.lower) {
    return fail(Code::conflict,
                "{}: it was taken with another image below the root (now {}); go back to that one "
                "first (container.upgrade with rollback)",
                what, container.spec.image);
  }
  const Status before = TRY(status_of(container, stop).context(what));
  const Path changes = all / kRollingBack;
  std::optional<Exit> ended;
  const auto roll = [&]() -> Result<> {
    // Copied while it runs still, so that it is down for no longer than it has to.
    TRY(system::make_folders(changes, 0700));
    TRY(check_room(all / name / kUpper, changes, stop));
    TRY(copy_tree(all / name / kUpper, changes / kUpper, stop));
    TRY(sync_all_of(changes));
    if (before == Status::created) {
      // It has the root mounted, and may have run before: a start that failed leaves it so. Whoever
      // starts it makes it anew.
      TRY(runtime_.remove(container, true, stop));
    } else if (before != Status::stopped) {
      ended = TRY(runtime_.stop(container, SIGKILL, std::chrono::milliseconds(0), stop));
    }
    TRY(put_in_place(container, changes / kUpper, stop));
    return system::write_atomically(all / kCurrent, name, 0600);
  };
  Result<> rolled = roll();
  // What cannot be removed now is by the next verb, or goes with the container.
  const Stop never;
  [[maybe_unused]] const Result<> cleared = clear_away(container, never);
  TRY(std::move(rolled).context(what));
  return ended;
}

Result<Status> RootSnapshots::status_of(const Container& container, const Stop& stop) {
  const Result<State> now = runtime_.state(container, stop);
  if (now) {
    return now->status;
  }
  // After a reboot runc and crun do not have it any more.
  return now.error().code == Code::not_found ? Result<Status>(Status::stopped)
                                             : Failure(now.error());
}

Result<> RootSnapshots::put_in_place(const Container& container, const Path& changes,
                                     const Stop& stop) {
  // An overlay takes no changes of its layers while it is mounted.
  TRY(remove_view(layout_, container.name));
  TRY(unmount_volume(layout_.rootfs(container.name), stop));
  const Path upper = upper_of(container);
  // At once: at no time is the root without its changes, which a start would take for an empty one.
  if (::renameat2(AT_FDCWD, changes.c_str(), AT_FDCWD, upper.c_str(), RENAME_EXCHANGE) != 0) {
    return fail(Code::broken, "exchange {} and {}: {}", changes.native(), upper.native(),
                std::strerror(errno));
  }
  system::crash_point("root exchanged");
  TRY(system::remove_tree(upper.parent_path() / "work"));
  return sync_all_of(upper);
}

Result<> RootSnapshots::remove_snapshot(const Container& container, const std::string& name,
                                        const Stop& stop) {
  const std::string what = "delete " + of_container(name, container);
  const Path all = layout_.snapshots(container.name);
  TRY(clear_away(container, stop).context(what));
  if (stands(all / name)) {
    if (current_in(all) == name) {
      // One of that name that is taken later is another one.
      const Result<KeptRoot> kept = read_kept(all / name);
      const std::string parent = kept ? kept->snapshot.parent : "";
      TRY(system::write_atomically(all / kCurrent, parent, 0600).context(what));
    }
    // Away at once; then there is no half of it that anybody could take for a whole one.
    TRY(rename_to(all / name, all / kGoing).context(what));
    TRY(clear_away(container, stop).context(what));
  }
  return {};
}

Result<Resources> RootSnapshots::limits(const Container& container, const Stop& /*stop*/) {
  return container.spec.resources;
}

Result<std::vector<Snapshot>> RootSnapshots::list_snapshots(const Container& container,
                                                            const Stop& /*stop*/) {
  const Path all = layout_.snapshots(container.name);
  const std::string current = current_in(all);
  std::vector<Snapshot> snapshots;
  for (const Path& folder : system::children_of(all)) {
    if (!check_snapshot_name(folder.filename().native())) {
      continue;
    }
    KeptRoot kept =
        TRY(read_kept(folder).context("list the snapshots of container " + container.name.str()));
    kept.snapshot.newest = kept.snapshot.name == current;
    snapshots.push_back(std::move(kept.snapshot));
  }
  std::sort(snapshots.begin(), snapshots.end(), [](const Snapshot& one, const Snapshot& other) {
    return std::tie(one.taken_at, one.name) < std::tie(other.taken_at, other.name);
  });
  for (auto snapshot = snapshots.begin(); snapshot != snapshots.end(); ++snapshot) {
    // What is newer has the name of one that is gone.
    if (std::none_of(snapshots.begin(), snapshot,
                     [&](const Snapshot& one) { return one.name == snapshot->parent; })) {
      snapshot->parent.clear();
    }
  }
  return snapshots;
}

}  // namespace drover::runtimes
