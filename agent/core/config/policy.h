// The configuration's section "policy": what a job may loosen of a container's isolation, and how
// much it may ask for.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "agent/core/config/network_policy.h"
#include "agent/core/fields.h"
#include "agent/core/runtime_kind.h"

namespace drover {

using std::filesystem::path;

/// What jobs may bind mount: this folder and everything below it.
struct AllowedBind {
  path source;            ///< absolute, in its normal form, without a slash at its end
  bool read_only = true;  ///< no container may write there
  bool operator==(const AllowedBind&) const = default;
};

/// Devices that jobs may give to containers.
struct AllowedDevice {
  std::string path;                 ///< below /dev; a glob, whose '*' goes over no '/'
  std::string permissions = "rwm";  ///< the most of it
  bool operator==(const AllowedDevice&) const = default;
};

/// Section "policy". As it is without one, a job loosens nothing.
struct PolicyConfig {
  PolicyConfig();

  std::vector<RuntimeKind> runtimes;      ///< empty: any
  std::vector<std::string> images;        ///< globs; empty: any
  std::vector<std::string> capabilities;  ///< beside the usual ones; "CAP_..." or "ALL"
  bool seccomp_unconfined = false;
  std::vector<path> seccomp_folders;  ///< of profiles that jobs may name
  /// Globs of profiles' names; "unconfined" is allowed by this word alone, not by a glob.
  std::vector<std::string> apparmor;
  bool new_privileges = false;
  bool own_users_only = false;  ///< user_namespace must be "auto"
  std::vector<AllowedDevice> devices;
  std::vector<AllowedBind> binds;
  std::vector<std::string> secrets = {"*"};  ///< globs of names
  std::vector<std::string> sysctls = {"*"};  ///< globs, of those a container has for itself
  /// The most of a hard limit, by its name; one that is not here has none.
  std::map<std::string, std::uint64_t> rlimits;
  bool io = true;
  bool hugetlb = true;
  std::vector<std::string> oci;  ///< JSON pointers (RFC 6901) of what a patch may change
  NetworkPolicy network;
  std::int64_t memory_mib = 0;  ///< each the most of one container; 0: no bound
  std::int64_t swap_mib = 0;
  double cpus = 0;
  std::int64_t pids = 0;
  bool operator==(const PolicyConfig&) const = default;
};

/// The section, with every fault in it and its pointer below `at`.
PolicyConfig read_policy_section(const json::Value& value, std::string at, Faults& faults);

}  // namespace drover
