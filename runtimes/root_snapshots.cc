#include "runtimes/root_snapshots.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <tuple>
#include <utility>

#include "agent/core/snapshot_name.h"
#include "agent/system/child.h"
#include "agent/system/clock.h"
#include "agent/system/crash_point.h"
#include "runtimes/user_view.h"
#include "runtimes/volumes/volume.h"

namespace drover::runtimes {
namespace {

/// A terabyte of changes at 100 MB/s takes three hours; whoever wants it sooner gives the job a
/// deadline.
constexpr std::chrono::hours kCopyTime{24};
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
    return kept.job == job.str()
               ? Result<>()
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
  if (before == Status::created) {
    return std::optional<Exit>();  // its program has never run, and so has changed nothing
  }
  const Path changes = all / kRollingBack;
  std::optional<Exit> ended;
  const auto roll = [&]() -> Result<> {
    // Copied while it runs still, so that it is down for no longer than it has to.
    TRY(system::make_folders(changes, 0700));
    TRY(copy_tree(all / name / kUpper, changes / kUpper, stop));
    TRY(sync_all_of(changes));
    if (before != Status::stopped) {
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
  for (Snapshot& snapshot : snapshots) {
    if (std::none_of(snapshots.begin(), snapshots.end(),
                     [&](const Snapshot& one) { return one.name == snapshot.parent; })) {
      snapshot.parent.clear();
    }
  }
  return snapshots;
}

}  // namespace drover::runtimes
