#include "agent/jobs/own_users.h"

#include <vector>

#include "agent/core/stable_hash.h"
#include "agent/jobs/container_record.h"

namespace drover::jobs {
namespace {

using runtimes::kUsersOfOne;

/// Where an admin has moved the ranges, those of before lie across the new ones.
bool overlaps_any(const std::set<std::uint32_t>& taken, std::uint32_t first) {
  const auto next = taken.lower_bound(first);
  return (next != taken.end() && *next - first < kUsersOfOne) ||
         (next != taken.begin() && first - *std::prev(next) < kUsersOfOne);
}

}  // namespace

bool wants_own_users(const ContainerSpec& spec, RuntimeKind kind) {
  return kind != RuntimeKind::pve_lxc && spec.security.user_namespace == "auto";
}

Result<std::uint32_t> free_users(const ContainerConfig& node, const std::set<std::uint32_t>& taken,
                                 std::string_view name) {
  const auto ranges = static_cast<std::uint64_t>(node.user_ranges);
  const std::uint64_t begin = stable_hash(name) % ranges;
  for (std::uint64_t i = 0; i < ranges; ++i) {
    const auto first = static_cast<std::uint32_t>(static_cast<std::uint64_t>(node.first_user) +
                                                  (begin + i) % ranges * kUsersOfOne);
    if (!overlaps_any(taken, first)) {
      return first;
    }
  }
  return fail(Code::unavailable,
              "user_namespace: all {} ranges of users that this node gives containers are given "
              "out; delete one that has a range, or have its admin raise container.user_ranges",
              ranges);
}

Result<std::uint32_t> free_users(Journal& journal, const ContainerConfig& node,
                                 std::string_view name) {
  std::set<std::uint32_t> taken;
  const std::vector<ContainerRow> rows = TRY(journal.containers());
  for (const ContainerRow& row : rows) {
    const json::Value record = TRY(json::parse(row.container));
    if (const std::uint32_t users = users_in(record); users != 0 && row.name != name) {
      taken.insert(users);
    }
  }
  return free_users(node, taken, name);
}

}  // namespace drover::jobs
