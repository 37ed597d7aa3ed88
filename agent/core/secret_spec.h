// SecretSpec: a secret of the node that a container gets as a file. A spec has its name, never its
// value.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/fields.h"
#include "agent/core/mount_spec.h"

namespace drover {

/// 1 to 64 of letters, digits, '-', '_' and '.', of which the first is a letter or a digit.
bool is_secret_name(std::string_view name);

struct SecretSpec {
  static constexpr std::string_view kUsualMode = "444";

  std::string name;
  std::string target;  ///< absolute path inside; "" for /run/secrets/NAME
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::string mode{kUsualMode};  ///< 3 octal digits, without a bit to write
  bool operator==(const SecretSpec&) const = default;
};

/// Where it stands inside.
std::string target_of(const SecretSpec& secret);

/// The member "secrets" of a spec; no target may be one of `volumes`, of `mounts` or of another
/// secret.
std::vector<SecretSpec> read_secrets(Fields& spec, const std::vector<VolumeSpec>& volumes,
                                     const std::vector<MountSpec>& mounts, Faults& faults);
/// One of its elements; what has its default is left out.
json::Value to_json(const SecretSpec& secret);

}  // namespace drover
