// MountSpec: what stands in a container beside its root and its volumes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/fields.h"
#include "agent/core/volume_spec.h"

namespace drover {

struct MountSpec {
  enum class Kind {
    bind,   ///< a folder or file of the node
    tmpfs,  ///< memory, empty at each start
  };
  static constexpr std::uint64_t kUsualSizeMib = 64;
  static constexpr std::string_view kUsualMode = "1777";

  Kind kind = Kind::bind;
  std::string target;                      ///< absolute path inside the container
  std::string source;                      ///< bind: absolute path on the node
  bool read_only = false;                  ///< bind
  std::uint64_t size_mib = kUsualSizeMib;  ///< tmpfs
  std::string mode{kUsualMode};            ///< tmpfs: of its root, 3 or 4 octal digits
  bool operator==(const MountSpec&) const = default;
};

std::string_view to_string(MountSpec::Kind kind);

/// The member "mounts" of a spec; no target may be one of `volumes` as well.
std::vector<MountSpec> read_mounts(Fields& spec, const std::vector<VolumeSpec>& volumes,
                                   Faults& faults);
/// One of its elements; what has its default is left out.
json::Value to_json(const MountSpec& mount);

}  // namespace drover
