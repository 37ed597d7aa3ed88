#include "agent/core/sysctls.h"

#include <algorithm>
#include <array>

#include "agent/core/ascii.h"

namespace drover {
namespace {

constexpr std::size_t kMostSysctls = 64;
constexpr std::size_t kMostSysctlName = 128;
constexpr std::size_t kMostSysctlValue = 256;
constexpr std::array<std::string_view, 8> kOfIpc = {
    "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem",
    "kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced"};

}  // namespace

bool is_namespaced_sysctl(std::string_view name) {
  const bool is_name = name.size() <= kMostSysctlName && !name.ends_with('.') &&
                       name.find("..") == std::string_view::npos &&
                       std::all_of(name.begin(), name.end(), [](char c) {
                         return is_alphanumeric(c) || c == '_' || c == '-' || c == '.';
                       });
  return is_name && (name.starts_with("net.") || name.starts_with("fs.mqueue.") ||
                     std::find(kOfIpc.begin(), kOfIpc.end(), name) != kOfIpc.end());
}

std::map<std::string, std::string> read_sysctls(Fields& spec) {
  std::map<std::string, std::string> sysctls = spec.strings_by_key("sysctls");
  if (sysctls.size() > kMostSysctls) {
    spec.fault("sysctls", fmt::format("must have at most {} members", kMostSysctls));
  }
  for (const auto& [name, value] : sysctls) {
    if (!is_namespaced_sysctl(name)) {
      spec.fault("sysctls",
                 fmt::format("must have names that each container has for itself: net.*, "
                             "fs.mqueue.*, kernel.sem, kernel.shm* and kernel.msg*; \"{}\" is none",
                             name.substr(0, kMostSysctlName)));
    }
    if (value.empty() || value.size() > kMostSysctlValue ||
        std::any_of(value.begin(), value.end(), is_control)) {
      spec.fault("sysctls",
                 fmt::format("must have values of 1 to {} characters in one line; that of \"{}\" "
                             "has not",
                             kMostSysctlValue, name.substr(0, kMostSysctlName)));
    }
  }
  return sysctls;
}

}  // namespace drover
