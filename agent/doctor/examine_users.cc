#include "agent/doctor/examine_users.h"

#include <fmt/format.h>

#include <cstdint>
#include <sstream>
#include <string>

#include "agent/system/file.h"
#include "runtimes/container.h"

namespace drover::doctor {
namespace {

constexpr const char* kUsers = "users";

struct IdRange {
  std::int64_t first = 0;
  std::int64_t last = 0;
};

IdRange range_of(const ContainerConfig& container) {
  return {container.first_user,
          container.first_user + container.user_ranges * runtimes::kUsersOfOne - 1};
}

/// The first line "USER:FIRST:COUNT" that has some of them; "" for none.
std::string line_across(const path& file, const IdRange& ours) {
  std::istringstream lines(system::read_file(file).value_or(""));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string user;
    std::int64_t first = 0;
    std::int64_t count = 0;
    char colon = 0;
    if (std::getline(fields, user, ':') && fields >> first >> colon >> count && colon == ':' &&
        first <= ours.last && first + count > ours.first) {
      return line;
    }
  }
  return "";
}

}  // namespace

std::vector<Finding> examine_users(const Config& config, const UserFiles& files) {
  const bool must = config.policy.own_users_only;
  const IdRange ours = range_of(config.container);
  std::vector<Finding> findings{
      {kUsers, true,
       fmt::format("containers with users of their own have ids {} to {} of this node; {}",
                   ours.first, ours.last,
                   must ? "by policy.user_namespace each has them"
                        : "jobs ask for them by user_namespace")}};
  if (system::read_file(files.most).value_or("1").starts_with("0")) {
    findings.push_back({kUsers,
                        !must,
                        "the kernel makes no user namespaces",
                        {"sysctl -w user.max_user_namespaces=10000"}});
  }
  for (const path& file : {files.users, files.groups}) {
    if (const std::string line = line_across(file, ours); !line.empty()) {
      findings.push_back(
          {kUsers, !must,
           fmt::format("{} gives some of those ids to another: {}; let container.first_user and "
                       "container.user_ranges leave them out",
                       file.native(), line)});
    }
  }
  return findings;
}

}  // namespace drover::doctor
