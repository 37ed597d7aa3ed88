// Own volumes: those that a container's job has made and that go with it, on runtimes that do not
// provision for themselves.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "agent/jobs/target.h"

namespace drover::jobs {

/// The steps that grow_own_volume is made of.
inline constexpr std::int64_t kStepsOfOwnGrowth = 3;
/// Of them the one whose result is how many MiB the volume has then; by its name in the spec.
inline constexpr const char* kOwnGrown = "volume.grow";

/// Makes one of the container's own volumes that large and its file system with it: as it is
/// mounted, unless its program has ended. That one is unmounted, and mounted again by its start.
/// `keep` writes down how large it is before its file system grows: a failure after that harms
/// nobody, and the next growth makes it good. `refused` for a file system that does not grow while
/// it is mounted, with nothing changed. The job has the container to itself.
Result<> grow_own_volume(Work& work, const Node& node, const Target& target,
                         const std::string& name, std::uint64_t size_mib,
                         const std::function<Result<>(std::uint64_t size_mib)>& keep);

/// Takes the size that a volume of the container's own has now into its record.
void set_own_size(ContainerRecord& record, const std::string& name, std::uint64_t size_mib);

}  // namespace drover::jobs
