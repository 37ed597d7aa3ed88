#include "agent/doctor/examine_policy.h"

#include <fmt/ranges.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>

#include "agent/core/config/written_by_jobs.h"
#include "agent/core/ip_address.h"

namespace drover::doctor {
namespace {

constexpr const char* kPolicy = "policy";

/// Its member `member` lets jobs do what `words` say.
Finding lets(const char* member, const std::string& words) {
  return {kPolicy, true, fmt::format("policy.{} lets jobs {}", member, words)};
}

std::vector<Finding> loosened(const PolicyConfig& policy) {
  std::vector<Finding> findings;
  if (!policy.capabilities.empty()) {
    findings.push_back(
        lets("capabilities", fmt::format("add {}", fmt::join(policy.capabilities, ", "))));
  }
  if (policy.seccomp_unconfined) {
    findings.push_back(lets("seccomp", "go without a filter of system calls"));
  }
  for (const path& folder : policy.seccomp_folders) {
    findings.push_back(lets("seccomp", fmt::format("take filters from {}", folder.native())));
  }
  if (!policy.apparmor.empty()) {
    findings.push_back(
        lets("apparmor", fmt::format("choose profiles: {}", fmt::join(policy.apparmor, ", "))));
  }
  if (policy.new_privileges) {
    findings.push_back(lets("new_privileges", "have programs that gain privileges"));
  }
  for (const AllowedDevice& device : policy.devices) {
    findings.push_back(
        lets("devices", fmt::format("have {} with {}", device.path, device.permissions)));
  }
  for (const AllowedBind& bind : policy.binds) {
    findings.push_back(lets(
        "binds",
        fmt::format("{} {} and below", bind.read_only ? "read" : "write", bind.source.native())));
  }
  const std::vector<std::string> ours = NetworkPolicy::private_subnets();
  const auto is_private = [&ours](const std::string& subnet) {
    return std::any_of(ours.begin(), ours.end(),
                       [&](const std::string& one) { return lies_in(subnet, one); });
  };
  if (!policy.network.parents.empty()) {
    findings.push_back(lets(
        "network.parents",
        fmt::format("be hosts beside the node on {}", fmt::join(policy.network.parents, ", "))));
  }
  for (const std::string& subnet : policy.network.routed) {
    findings.push_back(
        lets("network.routed", fmt::format("give the node routes and addresses in {}", subnet)));
  }
  for (const std::string& subnet : policy.network.subnets) {
    if (!is_private(subnet)) {
      findings.push_back(lets("network.subnets", fmt::format("make networks in {}", subnet)));
    }
  }
  if (!policy.oci.empty()) {
    findings.push_back(lets("oci", fmt::format("patch {}", fmt::join(policy.oci, ", "))));
  }
  return findings;
}

/// A fault of it, or nothing.
std::string fault_of_profiles(const path& folder) {
  struct stat found {};
  if (stat(folder.c_str(), &found) != 0 || !S_ISDIR(found.st_mode)) {
    return fmt::format("policy.seccomp: there is no folder {}", folder.native());
  }
  return found.st_uid != 0 || (found.st_mode & (S_IWGRP | S_IWOTH)) != 0
             ? fmt::format("policy.seccomp: others than root may change what is in {}",
                           folder.native())
             : "";
}

/// Folders that links lead to where containers may write, which the names in the configuration do
/// not tell.
std::vector<std::string> written_by_links(const Config& config) {
  std::vector<std::string> faults;
  std::vector<AllowedBind> binds = config.policy.binds;
  std::error_code error;
  for (AllowedBind& bind : binds) {
    bind.source = std::filesystem::weakly_canonical(bind.source, error);
  }
  std::vector<path> folders = config.container.image_folders;
  folders.insert(folders.end(), config.policy.seccomp_folders.begin(),
                 config.policy.seccomp_folders.end());
  for (const path& folder : folders) {
    const path found = std::filesystem::weakly_canonical(folder, error);
    if (const AllowedBind* bind = written_by_jobs(binds, found)) {
      faults.push_back(fmt::format("policy.binds: containers may write in {}, which is {}, by {}",
                                   folder.native(), found.native(), bind->source.native()));
    }
  }
  return faults;
}

}  // namespace

std::vector<Finding> examine_policy(const Config& config) {
  const PolicyConfig& policy = config.policy;
  std::vector<Finding> findings = loosened(policy);
  if (findings.empty()) {
    findings.push_back({kPolicy, true, "jobs loosen nothing of their containers' isolation"});
  }
  for (const path& folder : policy.seccomp_folders) {
    if (const std::string fault = fault_of_profiles(folder); !fault.empty()) {
      findings.push_back({kPolicy, false, fault});
    }
  }
  for (std::string& fault : written_by_links(config)) {
    findings.push_back({kPolicy, false, std::move(fault)});
  }
  for (const AllowedBind& bind : policy.binds) {
    std::error_code error;
    if (!std::filesystem::exists(bind.source, error)) {
      findings.push_back(
          {kPolicy, false, fmt::format("policy.binds: there is no {}", bind.source.native())});
    }
  }
  return findings;
}

}  // namespace drover::doctor
