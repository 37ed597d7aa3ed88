#include "agent/jobs/growth.h"

#include <fmt/ranges.h>

#include <algorithm>

namespace drover::jobs {
namespace {

Result<> check_size(const std::string& disk, std::uint64_t has, std::uint64_t wanted) {
  return wanted >= has ? Result<>()
                       : fail(Code::refused,
                              "{} has {} MiB, and disks only grow: a file system cannot be cut off "
                              "safely; make a smaller one and copy",
                              disk, has);
}

}  // namespace

bool grows_disks(const JobOptions& options) {
  return options.resources.disk_mib != 0 || !options.volumes.empty();
}

Result<> check_growth(const runtimes::Runtime& runtime, const ContainerSpec& spec,
                      const JobOptions& options) {
  if (!grows_disks(options)) {
    return {};
  }
  const std::string_view why_not = runtime.capabilities().no_growth;
  if (!why_not.empty()) {
    return fail(Code::refused, "disks of runtime {} do not grow: {}", to_string(runtime.kind()),
                why_not);
  }
  if (options.resources.disk_mib != 0) {
    TRY(check_size("the root disk", spec.resources.disk_mib, options.resources.disk_mib));
  }
  for (const auto& [name, size_mib] : options.volumes) {
    const auto found =
        std::find_if(spec.volumes.begin(), spec.volumes.end(),
                     [&wanted = name](const VolumeSpec& volume) { return volume.name == wanted; });
    if (found == spec.volumes.end()) {
      std::vector<std::string_view> names;
      for (const VolumeSpec& volume : spec.volumes) {
        names.emplace_back(volume.name);
      }
      return fail(Code::refused, "there is no volume {} of its own; it has {}", name,
                  names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", ")));
    }
    TRY(check_size("volume " + name, found->size_mib, size_mib));
  }
  return {};
}

}  // namespace drover::jobs
