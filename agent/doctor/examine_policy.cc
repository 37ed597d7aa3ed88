#include "agent/doctor/examine_policy.h"

#include <fmt/ranges.h>
#include <sys/stat.h>

#include <string>

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
