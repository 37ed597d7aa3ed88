// The snapshots, backups and disks of FakeRuntime: a container's limits stand for all that it has.
#include "fakes/fake_runtime.h"
#include "proxmox/task_watch.h"

namespace drover::fakes {

std::vector<runtimes::Snapshot> FakeRuntime::snapshots_of(const std::string& name) {
  const std::lock_guard lock(mutex_);
  std::vector<runtimes::Snapshot> all;
  for (const Kept& kept : snapshots_[name]) {
    all.push_back(kept.snapshot);
  }
  return all;
}

Result<> FakeRuntime::take_snapshot(const runtimes::Container& container, const std::string& name,
                                    const JobId& job, const Stop& stop) {
  return perform("take_snapshot", stop, [&]() -> Result<> {
    TRY(find(container));
    std::vector<Kept>& all = snapshots_[container.name.str()];
    std::string parent;
    for (Kept& kept : all) {
      if (kept.snapshot.name == name) {
        return kept.job == job.str() ? Result<>()
                                     : fail(Code::conflict, "{} is already used", name);
      }
      if (kept.snapshot.newest) {
        parent = kept.snapshot.name;
        kept.snapshot.newest = false;
      }
    }
    const auto at = static_cast<std::int64_t>(all.size()) + 1;
    all.push_back({{name, parent, at, true}, job.str(), limits_[container.name.str()]});
    return {};
  });
}

Result<bool> FakeRuntime::has_taken(const runtimes::Container& container, const std::string& name,
                                    const JobId& job, const Stop& stop) {
  return perform("has_taken", stop, [&]() -> Result<bool> {
    TRY(find(container));
    for (const Kept& kept : snapshots_[container.name.str()]) {
      if (kept.snapshot.name == name && kept.job == job.str()) {
        return true;
      }
    }
    return false;
  });
}

Result<std::optional<Exit>> FakeRuntime::roll_back(const runtimes::Container& container,
                                                   const std::string& name, const Stop& stop) {
  return perform("roll_back", stop, [&]() -> Result<std::optional<Exit>> {
    const Result<runtimes::State*> found = find(container);
    for (Kept& kept : snapshots_[container.name.str()]) {
      kept.snapshot.newest = kept.snapshot.name == name;
      if (kept.snapshot.newest) {
        limits_[container.name.str()] = kept.limits;
      }
    }
    runtimes::State* const state = found.value_or(nullptr);
    if (state == nullptr || (state->status != Status::running && state->status != Status::paused)) {
      return std::optional<Exit>();
    }
    constexpr int kKilled = 137;
    *state = stopped(kKilled);
    return state->exit;
  });
}

Result<> FakeRuntime::remove_snapshot(const runtimes::Container& container, const std::string& name,
                                      const Stop& stop) {
  return perform("remove_snapshot", stop, [&]() -> Result<> {
    TRY(find(container));
    std::erase_if(snapshots_[container.name.str()],
                  [&](const Kept& kept) { return kept.snapshot.name == name; });
    return {};
  });
}

Result<Resources> FakeRuntime::limits(const runtimes::Container& container, const Stop& stop) {
  return perform("limits", stop,
                 [&]() -> Result<Resources> { return limits_[container.name.str()]; });
}

Result<std::vector<runtimes::Snapshot>> FakeRuntime::list_snapshots(
    const runtimes::Container& container, const Stop& stop) {
  return perform("list_snapshots", stop, [&]() -> Result<std::vector<runtimes::Snapshot>> {
    // Also of one that a reboot has taken away.
    std::vector<runtimes::Snapshot> all;
    for (const Kept& kept : snapshots_[container.name.str()]) {
      all.push_back(kept.snapshot);
    }
    return all;
  });
}

std::set<std::string> FakeRuntime::backups_by() {
  const std::lock_guard lock(mutex_);
  return backups_;
}

Result<runtimes::Backup> FakeRuntime::make_backup(const runtimes::Container& container,
                                                  const runtimes::BackupWish& wish,
                                                  const JobId& job, const Stop& stop) {
  if (const proxmox::TaskWatch* watch = proxmox::TaskWatch::current();
      watch != nullptr && !backup_mode_.empty()) {
    watch->tell({"vzdump", {}, "INFO: on and on", backup_mode_});
  }
  return perform("make_backup", stop, [&]() -> Result<runtimes::Backup> {
    TRY(find(container));
    backups_.insert(job.str());
    return runtimes::Backup{fmt::format("{}:backup/{}.{}.{}", wish.storage, container.name.str(),
                                        wish.mode, wish.compress),
                            100, 1};
  });
}

Result<> FakeRuntime::remove_backup(const runtimes::Container& container, const std::string&,
                                    const JobId& job, const Stop& stop) {
  return perform("remove_backup", stop, [&]() -> Result<> {
    TRY(find(container));
    backups_.erase(job.str());
    return {};
  });
}

Result<> FakeRuntime::grow(const runtimes::Container& container, const std::string& volume,
                           std::uint64_t size_mib, const Stop& stop) {
  return perform("grow", stop, [&]() -> Result<> {
    TRY(find(container));
    runtimes::DiskSizes& sizes = sizes_[container.name.str()];
    std::uint64_t& size = volume.empty() ? sizes.root : sizes.volumes[volume];
    if (size_mib < size) {
      return fail(Code::refused, "it has {} MiB", size);
    }
    size = size_mib;
    return {};
  });
}

Result<> FakeRuntime::check_grown(const runtimes::Container& container,
                                  const std::string& /*volume*/, std::uint64_t /*size_mib*/,
                                  const Stop& stop) {
  return perform("check_grown", stop, [&]() -> Result<> {
    TRY(find(container));
    return {};
  });
}

Result<runtimes::DiskSizes> FakeRuntime::disk_sizes(const runtimes::Container& container,
                                                    const Stop& stop) {
  return perform("disk_sizes", stop, [&]() -> Result<runtimes::DiskSizes> {
    TRY(find(container));
    return sizes_[container.name.str()];
  });
}

}  // namespace drover::fakes
