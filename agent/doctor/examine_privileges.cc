#include "agent/doctor/examine_privileges.h"

#include <fmt/format.h>

#include <algorithm>

namespace drover::doctor {
namespace {

using proxmox::Privilege;

bool has(const std::vector<Privilege>& all, const Privilege& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

/// What is missing of all that is needed by the same.
Finding lack(const std::string& user, const std::string& by, const std::vector<Need>& needed,
             const std::vector<Privilege>& missing) {
  std::string list;
  std::vector<Privilege> here;
  std::vector<Privilege> kept;
  for (const Need& need : needed) {
    const bool is_missing = has(missing, need.privilege);
    if (is_missing && need.by == by) {
      here.push_back(need.privilege);
      list += fmt::format("{}{} on {}", list.empty() ? "" : ", ", need.privilege.name,
                          need.privilege.path);
    }
    // A role of its own on a path takes the place of what the user has there from above.
    if (!is_missing || need.by == by) {
      kept.push_back(need.privilege);
    }
  }
  return {"privileges", !by.empty(),
          fmt::format(
              "{} lacks {}{}{}", user, list, by.empty() ? "" : fmt::format(", needed by {}", by),
              proxmox::names_token(user) ? "; a token may do what its user may do, too, and no more"
                                         : ""),
          proxmox::commands_to_grant(kept, here, user)};
}

}  // namespace

std::vector<Finding> examine_privileges(proxmox::Client& client, const std::vector<Need>& needed,
                                        const system::Stop& stop) {
  std::vector<Privilege> all;
  for (const Need& need : needed) {
    all.push_back(need.privilege);
  }
  const auto missing = proxmox::Access(client).missing(all, stop);
  if (!missing) {
    return {{"privileges", false, missing.error().message}};
  }
  if (missing->empty()) {
    return {{"privileges", true, fmt::format("{} has all that is needed", client.user())}};
  }
  std::vector<std::string> who;
  for (const Need& need : needed) {
    if (has(*missing, need.privilege) && std::find(who.begin(), who.end(), need.by) == who.end()) {
      who.push_back(need.by);
    }
  }
  std::vector<Finding> findings;
  if (!who.front().empty()) {
    findings.push_back({"privileges", true,
                        fmt::format("{} has all that the configuration needs", client.user())});
  }
  for (const std::string& by : who) {
    findings.push_back(lack(client.user(), by, needed, *missing));
  }
  return findings;
}

}  // namespace drover::doctor
