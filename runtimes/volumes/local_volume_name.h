// LocalVolumeName: what volumes below Layout::local_volumes() are called.
#pragma once

#include <optional>
#include <string>
#include <string_view>

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

}  // namespace drover::runtimes
