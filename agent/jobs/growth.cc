#include "agent/jobs/growth.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "agent/jobs/reconcile/storage_watch.h"

namespace drover::jobs {
namespace {

Result<> check_more(const std::string& disk, std::uint64_t has, std::uint64_t wanted) {
  return wanted >= has ? Result<>()
                       : fail(Code::refused,
                              "{} has {} MiB, and disks only grow: a file system cannot be cut off "
                              "safely; make a smaller one and copy",
                              disk, has);
}

Result<const VolumeSpec*> volume_to_grow(const ContainerSpec& spec, const std::string& name) {
  const auto found = std::find_if(spec.volumes.begin(), spec.volumes.end(),
                                  [&](const VolumeSpec& volume) { return volume.name == name; });
  if (found == spec.volumes.end()) {
    std::vector<std::string_view> names;
    for (const VolumeSpec& volume : spec.volumes) {
      names.emplace_back(volume.name);
    }
    return fail(Code::refused, "there is no volume {} of its own; it has {}", name,
                names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", ")));
  }
  if (!found->from.empty()) {
    return fail(Code::refused,
                "volume {} is volume {}, which outlives the container; volume.resize grows that",
                name, found->from);
  }
  return &*found;
}

/// Of one that is made already; what a job that waits makes is looked at when it was made.
Result<> check_made(const Node& node, const ContainerRecord& record, const std::string& name,
                    std::uint64_t wanted) {
  for (const runtimes::Volume& volume : record.volumes) {
    if (volume.name == name) {
      const std::string what = "volume " + name;
      TRY(check_grows(node, volume, what));
      TRY(check_more(what, volume.size_mib, wanted));
    }
  }
  return {};
}

}  // namespace

bool grows_disks(const JobOptions& options) {
  return options.resources.disk_mib != 0 || !options.volumes.empty();
}

Result<> check_grows(const Node& node, const runtimes::Volume& volume, const std::string& what) {
  if (const Result<runtimes::VolumeSource*> source = node.volumes(volume.storage)) {
    TRY((*source)->has_room().context(what));
  }
  if (volume.kind == runtimes::VolumeKind::folder) {
    return fail(Code::refused, "{}: a folder has no size; it may fill the disk it is on", what);
  }
  const bool is_device =
      volume.kind == runtimes::VolumeKind::block || volume.kind == runtimes::VolumeKind::dataset;
  return is_device && node.storages != nullptr && !is_local_storage(volume.storage)
             ? node.storages->grows_devices().context(what)
             : Result<>();
}

Result<> check_growth(const Node& node, const ContainerRecord& record, const JobOptions& options) {
  if (!grows_disks(options)) {
    return {};
  }
  const ContainerSpec& spec = record.container.spec;
  const runtimes::Runtime* runtime = TRY(node.runtime(record.container.runtime));
  const runtimes::Capabilities can = runtime->capabilities();
  if (!can.no_growth.empty() && (can.provisions_itself || options.resources.disk_mib != 0)) {
    return fail(Code::refused, "{} of runtime {} do not grow: {}",
                can.provisions_itself ? "disks" : "root disks", to_string(runtime->kind()),
                can.no_growth);
  }
  if (options.resources.disk_mib != 0) {
    TRY(check_more("the root disk", spec.resources.disk_mib, options.resources.disk_mib));
  }
  for (const auto& [name, size_mib] : options.volumes) {
    const VolumeSpec* volume = TRY(volume_to_grow(spec, name));
    TRY(check_more("volume " + name, volume->size_mib, size_mib));
    if (!can.provisions_itself) {
      TRY(check_made(node, record, name, size_mib));
    }
  }
  return {};
}

}  // namespace drover::jobs
