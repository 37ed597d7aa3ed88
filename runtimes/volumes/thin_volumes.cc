#include "runtimes/volumes/thin_volumes.h"

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

#include "agent/system/child.h"
#include "runtimes/volumes/in_use.h"
#include "runtimes/volumes/local_volume_name.h"
#include "runtimes/volumes/require_program.h"

namespace drover::runtimes {
namespace {

constexpr const char* kThinStorage = "local-thin";

/// Whoever changes something in a group has its lock meanwhile, and LVM's programs wait for it.
constexpr std::chrono::minutes kLvmTimeout{10};
constexpr std::size_t kMostTold = std::size_t{16} << 20U;

Result<std::string> run_lvm(const std::vector<std::string>& argv, const system::Stop& stop) {
  system::RunOptions options;
  options.child.env = {{"LC_ALL", "C"}};
  options.timeout = kLvmTimeout;
  options.most_output = kMostTold;
  return system::run_ok(argv, stop, options);
}

/// Changes something. What is ended in the middle of that may leave a device suspended, and
/// everybody who writes to it waiting. It takes a second, and goes on when the agent ends.
Result<> change(const std::vector<std::string>& argv, const system::Stop& stop) {
  TRY(stop.check("run " + argv.front()));
  TRY(run_lvm(argv, system::Stop()));
  return {};
}

/// What an id consists of.
struct ThinPlace {
  std::string group;
  std::string whole;
  std::string device() const { return group + "/" + thin_name(whole); }
};

/// `refused` for what is nobody's volume of ours.
Result<ThinPlace> thin_place_of(const std::string& id) {
  const std::size_t slash = id.find('/');
  const std::string whole = slash == std::string::npos ? "" : id.substr(slash + 1);
  if (slash == 0 || !LocalVolumeName::parse(whole)) {
    return fail(Code::refused, "{} is no volume of storage {}", id, kThinStorage);
  }
  return ThinPlace{id.substr(0, slash), whole};
}

Result<ThinReport> report_of(const std::string& group, const std::string& pool,
                             const system::Stop& stop) {
  const Result<std::string> told = run_lvm(listing_group(group), stop);
  if (!told) {
    const Code code = told.error().code;
    // Also a group whose disk is away for a while is "not found".
    return fail(code == Code::broken ? Code::unavailable : code, "look into group {} of LVM: {}",
                group, told.error().message);
  }
  return parse_thin_report(*told, pool);
}

/// That it is gone by then is success: an agent that was killed may have left a program at work.
Result<> remove_device(const ThinPlace& place, const system::Stop& stop) {
  const Result<> removed = change({"lvremove", "--yes", place.device()}, stop);
  if (removed) {
    return {};
  }
  const ThinReport report = TRY(report_of(place.group, "", stop));
  return report.find(place.whole) == nullptr ? Result<>() : removed;
}

}  // namespace

Result<> ThinVolumes::usable() const {
  if (group_.empty()) {
    return fail(Code::refused,
                "{}: this node's configuration names no thin pool of LVM (storage.thin_pool)",
                kThinStorage);
  }
  TRY(require_program("lvcreate", "lvm2", kThinStorage));
  const std::lock_guard lock(mutex_);
  return !seen_ || *seen_ ? Result<>() : Failure(Error(seen_->error()).context(kThinStorage));
}

Result<> ThinVolumes::has_room() const {
  const std::lock_guard lock(mutex_);
  return seen_ && *seen_ ? check_room(**seen_) : Result<>();
}

std::optional<system::DiskSpace> ThinVolumes::space() const {
  const std::lock_guard lock(mutex_);
  if (!seen_ || !*seen_) {
    return std::nullopt;
  }
  return system::DiskSpace{(*seen_)->free_bytes(), (*seen_)->size, std::nullopt};
}

Result<> ThinVolumes::check_room(const ThinPoolRow& pool) const {
  if (!pool.is_full()) {
    return {};
  }
  return fail(
      Code::unavailable,
      "thin pool {}/{} is full: {} % of its data and {} % of its metadata are taken; delete "
      "what is not needed there, or make it larger (lvextend)",
      group_, pool_, pool.data_percent, pool.metadata_percent);
}

Result<ThinReport> ThinVolumes::look(const system::Stop& stop) {
  const auto looked = [&]() -> Result<ThinReport> {
    ThinReport report = TRY(report_of(group_, pool_, stop));
    if (!report.pool) {
      return fail(Code::refused,
                  "group {} of LVM has no thin pool {}; to make it: lvcreate --type thin-pool "
                  "--extents 90%FREE --name {} {}",
                  group_, pool_, pool_, group_);
    }
    return report;
  };
  Result<ThinReport> report = looked();
  if (!stop.requested()) {
    const std::lock_guard lock(mutex_);
    if (report) {
      seen_ = *report->pool;
    } else {
      seen_ = Failure(report.error());
    }
  }
  return report;
}

Volume ThinVolumes::describe(const std::string& name, const ThinRow& row) const {
  return Volume{
      name, kThinStorage, group_ + "/" + row.whole, row.path, VolumeKind::thin, row.size_mib, ""};
}

Result<Volume> ThinVolumes::allocate(const ContainerName& container, const JobId& job,
                                     const VolumeSpec& spec, const system::Stop& stop) {
  const std::string what = "allocate volume " + spec.name;
  if (spec.size_mib == 0) {
    return fail(Code::invalid, "{} on storage {}: it needs a size", what, kThinStorage);
  }
  const std::string whole = container.str() + "." + spec.name + "." + job.str();
  const ThinReport before = TRY(look(stop).context(what));
  if (const ThinRow* row = before.find(whole)) {
    return describe(spec.name, *row);
  }
  TRY(check_room(*before.pool).context(what));
  const Result<> made =
      change({"lvcreate", "--yes", "--virtualsize", std::to_string(spec.size_mib) + "m",
              "--thinpool", pool_, "--name", thin_name(whole), "--addtag", thin_tag(whole),
              "--setactivationskip", "n", group_},
             stop);
  const ThinReport after = TRY(look(stop).context(what));
  if (const ThinRow* row = after.find(whole)) {
    return describe(spec.name, *row);
  }
  TRY(check_room(*after.pool).context(what));
  return made ? fail(Code::broken, "{}: lvcreate has made it, and lvs does not tell it", what)
              : Failure(Error(made.error()).context(what));
}

Result<Volume> ThinVolumes::find(const ContainerName& container, const JobId& job,
                                 const VolumeSpec& spec, const system::Stop& stop) {
  const std::string whole = container.str() + "." + spec.name + "." + job.str();
  const ThinReport report = TRY(look(stop));
  if (const ThinRow* row = report.find(whole)) {
    return describe(spec.name, *row);
  }
  return fail(Code::not_found, "there is no volume {} in group {} of LVM", whole, group_);
}

Result<Volume> ThinVolumes::activate(const Volume& volume, const system::Stop& stop) {
  std::error_code error;
  if (std::filesystem::exists(volume.path, error)) {
    return volume;
  }
  const std::string what = "activate volume " + volume.id;
  const ThinPlace place = TRY(thin_place_of(volume.id));
  const ThinReport report = TRY(report_of(place.group, "", stop).context(what));
  const ThinRow* row = report.find(place.whole);
  if (row == nullptr) {
    return fail(Code::not_found, "{}: it is gone from its group", what);
  }
  TRY(change({"lvchange", "--activate", "y", place.device()}, stop).context(what));
  Volume active = volume;
  active.path = row->path;
  if (!std::filesystem::exists(active.path, error)) {
    return fail(Code::broken, "{}: lvchange has done it, and there is nothing at {}", what,
                active.path.native());
  }
  return active;
}

Result<std::uint64_t> ThinVolumes::grow(const Volume& volume, std::uint64_t size_mib,
                                        const system::Stop& stop) {
  const std::string what = "grow volume " + volume.name;
  const ThinPlace place = TRY(thin_place_of(volume.id));
  const auto size = [&]() -> Result<std::uint64_t> {
    const ThinReport report = TRY(report_of(place.group, pool_, stop).context(what));
    const ThinRow* row = report.find(place.whole);
    if (row == nullptr) {
      return fail(Code::not_found, "{}: it is gone from group {} of LVM", what, place.group);
    }
    if (row->size_mib < size_mib && place.group == group_ && report.pool) {
      TRY(check_room(*report.pool).context(what));
    }
    return row->size_mib;
  };
  const std::uint64_t before = TRY(size());
  if (before >= size_mib) {
    return before;
  }
  TRY(change({"lvextend", "--size", std::to_string(size_mib) + "m", place.device()}, stop)
          .context(what));
  return size();
}

Result<> ThinVolumes::release(const Volume& volume, const system::Stop& stop) {
  const std::string what = "release volume " + volume.id;
  const ThinPlace place = TRY(thin_place_of(volume.id));
  const ThinReport report = TRY(report_of(place.group, "", stop).context(what));
  const ThinRow* row = report.find(place.whole);
  if (row == nullptr) {
    return {};
  }
  TRY(wait_until_free(describe(volume.name, *row), clock_, stop).context(what));
  return remove_device(place, stop).context(what);
}

Result<FoundVolumes> ThinVolumes::inventory(const system::Stop& stop) {
  FoundVolumes all;
  if (group_.empty() || !require_program("lvs", "lvm2", kThinStorage)) {
    return all;
  }
  const ThinReport report = TRY(look(stop));
  all.storages.insert(kThinStorage);
  for (const ThinRow& row : report.volumes) {
    if (const auto name = LocalVolumeName::parse(row.whole)) {
      all.volumes.push_back({kThinStorage, group_ + "/" + row.whole, name->container, name->job});
    }
  }
  return all;
}

Result<> ThinVolumes::release_found(const FoundVolume& found, const system::Stop& stop) {
  return release(Volume{"", found.storage, found.id, "", VolumeKind::thin, 0, ""}, stop);
}

Result<> snapshot_thin(const Volume& from, const Volume& to, const system::Stop& stop) {
  const std::string what = fmt::format("copy volume {} to {}", from.name, to.name);
  const ThinPlace origin = TRY(thin_place_of(from.id));
  const ThinPlace place = TRY(thin_place_of(to.id));
  const ThinReport report = TRY(report_of(place.group, "", stop).context(what));
  if (report.find(place.whole) != nullptr) {
    TRY(remove_device(place, stop).context(what));
  }
  return change({"lvcreate", "--yes", "--snapshot", "--name", thin_name(place.whole), "--addtag",
                 thin_tag(place.whole), "--setactivationskip", "n", origin.device()},
                stop)
      .context(what);
}

}  // namespace drover::runtimes
