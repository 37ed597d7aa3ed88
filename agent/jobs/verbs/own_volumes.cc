#include "agent/jobs/verbs/own_volumes.h"

#include <algorithm>

#include "agent/jobs/node_turns.h"
#include "runtimes/user_view.h"
#include "runtimes/volumes/in_use.h"

namespace drover::jobs {
namespace {

using runtimes::Volume;

Result<Volume> own_volume(const ContainerRecord& record, const std::string& name) {
  const auto found = std::find_if(record.volumes.begin(), record.volumes.end(),
                                  [&](const Volume& volume) { return volume.name == name; });
  return found == record.volumes.end()
             ? fail(Code::conflict, "volume {} of container {} is not made", name,
                    record.container.name.str())
             : Result<Volume>(*found);
}

/// Whether no program of the container's is there any more; what one that was only created has
/// mounted is in a mount namespace of its own.
Result<bool> has_ended(Work& work, const Target& target) {
  const Result<runtimes::State> now = target.runtime->state(target.container(), work.stop());
  if (!now) {
    return now.error().code == Code::not_found ? Result<bool>(true) : Failure(now.error());
  }
  return now->status == Status::stopped;
}

Result<> rest(Work& work, const Node& node, const Target& target, const Volume& volume) {
  if (!TRY(has_ended(work, target))) {
    return runtimes::check_grows_mounted(volume);
  }
  const ContainerName& container = target.container().name;
  TRY(runtimes::remove_view(node.layout, container));
  TRY(runtimes::unmount_volume(node.layout.volume_mount(container, volume.name), work.stop()));
  return runtimes::wait_until_free(volume, work.clock(), work.stop());
}

}  // namespace

Result<> grow_own_volume(Work& work, const Node& node, const Target& target,
                         const std::string& name, std::uint64_t size_mib,
                         const std::function<Result<>(std::uint64_t size_mib)>& keep) {
  const Volume volume = TRY(own_volume(target.record, name));
  runtimes::VolumeSource* source = TRY(node.volumes(volume.storage));
  TRY(work.once({.name = "volume.rest", .subject = name, .act = [&]() -> Result<json::Value> {
                   TRY(rest(work, node, target, volume));
                   return json::Value();
                 }}));
  Step grow{.name = kOwnGrown, .subject = name};
  grow.act = [&]() -> Result<json::Value> {
    const std::uint64_t grown = TRY(source->grow(volume, size_mib, work.stop()));
    return json::Value(grown);
  };
  grow.needs = turn_of_storage(node, volume.storage);
  const json::Value grown = TRY(work.once(grow));
  TRY(keep(static_cast<std::uint64_t>(grown.integer_or(static_cast<std::int64_t>(size_mib)))));
  Step grow_within{.name = "volume.growfs", .subject = name};
  grow_within.act = [&]() -> Result<json::Value> {
    const Volume active = TRY(source->activate(volume, work.stop()));
    const runtimes::Path lock = node.layout.growing(target.container().name, name);
    TRY(runtimes::grow_file_system(active, lock, work.stop()));
    return json::Value();
  };
  grow_within.needs = turn_of_volume(volume);
  TRY(work.once(grow_within));
  return {};
}

void set_own_size(ContainerRecord& record, const std::string& name, std::uint64_t size_mib) {
  for (VolumeSpec& spec : record.container.spec.volumes) {
    if (spec.name == name && spec.from.empty()) {
      spec.size_mib = size_mib;
    }
  }
  for (Volume& volume : record.volumes) {
    if (volume.name == name) {
      volume.size_mib = size_mib;
    }
  }
}

}  // namespace drover::jobs
