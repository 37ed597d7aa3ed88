// LocalVolumeName: what volumes below Layout::local_volumes() are called.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtimes/volumes/volume.h"

namespace drover::runtimes {

/// "CONTAINER.VOLUME.JOB". Dots cannot stand in the first two parts, so the name takes apart in one
/// way only.
struct LocalVolumeName {
  std::string container;
  std::string volume;
  std::string job;

  /// None for what is nobody's volume.
  static std::optional<LocalVolumeName> parse(std::string_view text);
};

/// What stands in `folder` as a volume of `storage`: of this type, and with `prefix` before its
/// name. Everything else is left out; a folder that does not exist holds none.
Result<FoundVolumes> find_local_volumes(const Path& folder, const std::string& storage,
                                        std::filesystem::file_type type, std::string_view prefix,
                                        const system::Stop& stop);

/// `refused` unless it lies directly in `folder`, with `prefix` before its name.
Result<> check_local_volume(const Volume& volume, const Path& folder, std::string_view prefix);

}  // namespace drover::runtimes
