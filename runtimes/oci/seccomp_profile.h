// SeccompProfile: a file that says which system calls a container's programs may make, as the
// runtimes take it.
//
// Two kinds of file are read: the member "linux.seccomp" of the OCI runtime specification, and the
// profiles of Podman and Docker (seccomp.json of containers-common), whose rules depend on the
// container's capabilities, on the machine and on its kernel.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/core/json.h"
#include "agent/core/result.h"
#include "agent/system/file.h"

namespace drover::runtimes {

/// Podman's, of the package golang-github-containers-common of Debian 12 and 13. Without another
/// that the node's configuration names, it is that of each container.
inline constexpr std::string_view kDefaultSeccompProfile = "/usr/share/containers/seccomp.json";
inline constexpr std::string_view kSeccompPackage = "golang-github-containers-common";

/// What the conditions of a profile's rules are about.
struct SeccompFacts {
  std::string machine;  ///< as uname(2) has it, "x86_64"
  unsigned kernel_major = 0;
  unsigned kernel_minor = 0;
  std::vector<std::string> capabilities;  ///< that its programs may ever have, "CAP_..."
  bool operator==(const SeccompFacts&) const = default;
};

/// Of this node.
SeccompFacts seccomp_facts(std::vector<std::string> capabilities);

/// The member "linux.seccomp" that `text` stands for. One that is written as that is taken as it
/// is. `invalid` with every fault and its pointer for anything that would not be understood whole:
/// a rule that is dropped would be a call too many that is let through, or too few.
Result<json::Value> read_seccomp_profile(std::string_view text, const SeccompFacts& facts);

/// The same of a file. Where the default profile is not there, `unavailable` naming its package.
/// Any thread: what the last one came to is kept, as nearly all containers of a node have the same.
Result<json::Value> load_seccomp_profile(const system::Path& profile, const SeccompFacts& facts);

/// Whether the profile is there, with the same error.
Result<> check_seccomp_profile(const system::Path& profile);

}  // namespace drover::runtimes
