#include "messaging/dispatch/fit.h"

#include <algorithm>
#include <utility>

namespace drover::dispatch {
namespace {

/// Takes the reasons down, or ends at the first.
class Reasons {
 public:
  explicit Reasons(std::vector<std::string>* reasons) : reasons_(reasons) {}

  /// `say` makes the text, when somebody wants it.
  template <class Say>
  void against(bool holds, const Say& say) {
    if (holds) {
      return;
    }
    any_ = true;
    if (reasons_ != nullptr) {
      reasons_->push_back(say());
    }
  }
  bool decided() const { return any_ && reasons_ == nullptr; }
  bool any() const { return any_; }

 private:
  std::vector<std::string>* reasons_;
  bool any_ = false;
};

bool has_name(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string names_in_line(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    text += (text.empty() ? "" : ", ") + name;
  }
  return text.empty() ? "none" : text;
}

void check_amount(Reasons& reasons, std::int64_t free, std::int64_t needed, std::string_view unit,
                  double per_unit) {
  // A job that needs none fits also where more was given than there is.
  reasons.against(needed == 0 || needed <= free, [&] {
    return fmt::format("has {} of the {} {} free that are needed",
                       static_cast<double>(free) / per_unit, static_cast<double>(needed) / per_unit,
                       unit);
  });
}

void check_capacity(Reasons& reasons, const Capacity& needed, const NodeFacts& node) {
  const Capacity free = free_of(node);
  check_amount(reasons, free.milli_cpus, needed.milli_cpus, "CPUs", 1000);
  check_amount(reasons, free.memory_mib, needed.memory_mib, "MiB of memory", 1);
  check_amount(reasons, free.disk_mib, needed.disk_mib, "MiB of disk", 1);
}

void check_state(Reasons& reasons, const NodeFacts& node) {
  reasons.against(node.liveness != Liveness::dead,
                  [] { return "is dead: nothing has been heard of it for some seconds"; });
  reasons.against(node.liveness != Liveness::suspect,
                  [] { return "is suspect: its last heartbeats are missing"; });
  reasons.against(!node.drained, [] { return "is drained"; });
  reasons.against(node.quorate.value_or(true),
                  [] { return "its Proxmox cluster has no quorum there"; });
}

void check_things(Reasons& reasons, const JobNeeds& needs, const NodeFacts& node) {
  if (needs.runtime) {
    reasons.against(has_name(node.runtimes, to_string(*needs.runtime)), [&] {
      return fmt::format("has not the runtime {}; it has {}", to_string(*needs.runtime),
                         names_in_line(node.runtimes));
    });
  }
  for (const std::string& storage : needs.storages) {
    reasons.against(has_name(node.storages, storage),
                    [&] { return fmt::format("has no storage {}", storage); });
  }
  for (const std::string& bridge : needs.bridges) {
    reasons.against(has_name(node.bridges, bridge),
                    [&] { return fmt::format("has no bridge {}", bridge); });
  }
}

void check_neighbours(Reasons& reasons, const JobNeeds& needs, const NodeFacts& node) {
  if (needs.near && needs.near->must) {
    reasons.against(containers_that_fit(needs.near->labels, node) != 0, [&] {
      return fmt::format("has no container of {}, which the job must be near to",
                         needs.near->labels.str());
    });
  }
  if (needs.apart && needs.apart->must) {
    const std::size_t there = containers_that_fit(needs.apart->labels, node);
    reasons.against(there == 0, [&] {
      return fmt::format("has {} of {}, which the job must be apart from",
                         there == 1 ? "a container" : fmt::format("{} containers", there),
                         needs.apart->labels.str());
    });
  }
}

}  // namespace

Capacity free_of(const NodeFacts& node) {
  const auto left = [](std::int64_t total, std::int64_t reserved) {
    return std::max<std::int64_t>(total - reserved, 0);
  };
  return Capacity{left(node.total.milli_cpus, node.reserved.milli_cpus),
                  left(node.total.memory_mib, node.reserved.memory_mib),
                  left(node.total.disk_mib, node.reserved.disk_mib)};
}

bool fits(const JobNeeds& needs, const NodeFacts& node, std::vector<std::string>* why_not) {
  Reasons reasons(why_not);
  check_state(reasons, node);
  if (!reasons.decided()) {
    check_capacity(reasons, needs.capacity, node);
  }
  if (!reasons.decided()) {
    check_things(reasons, needs, node);
  }
  if (!reasons.decided() && needs.labels) {
    reasons.against(needs.labels->fits(node.name, node.labels),
                    [&] { return fmt::format("its labels do not fit {}", needs.labels->str()); });
  }
  if (!reasons.decided()) {
    check_neighbours(reasons, needs, node);
  }
  return !reasons.any();
}

std::size_t containers_that_fit(const LabelExpression& labels, const NodeFacts& node) {
  return static_cast<std::size_t>(std::count_if(
      node.containers.begin(), node.containers.end(), [&labels](const ContainerFacts& container) {
        return labels.fits(container.name, container.labels);
      }));
}

void reserve(NodeFacts& node, const JobNeeds& needs, ContainerFacts container) {
  node.reserved.milli_cpus += needs.capacity.milli_cpus;
  node.reserved.memory_mib += needs.capacity.memory_mib;
  node.reserved.disk_mib += needs.capacity.disk_mib;
  node.containers.push_back(std::move(container));
}

}  // namespace drover::dispatch
