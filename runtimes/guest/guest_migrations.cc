// Migrations of guests to other nodes.
#include "runtimes/guest/guest_runtime.h"

namespace drover::runtimes {

Result<> GuestRuntime::check_migration(const Container& container, const std::string& node,
                                       const Stop& stop) {
  const std::string what = fmt::format("migrate {} to {}", label(container), node);
  if (node == client_.node()) {
    return fail(Code::invalid, "{}: it is there already; name another node of the cluster", what);
  }
  const Result<proxmox::GuestInfo> guest = find(container, stop);
  if (!guest) {
    // An admin may have been faster.
    const bool is_gone = guest.error().code == Code::not_found;
    return is_gone && TRY(other_node_of(container, stop)) == node ? Result<>()
                                                                  : Failure(guest.error());
  }
  return migration_calls_.check(guest->vmid, node, stop).context(what);
}

Result<std::string> GuestRuntime::migrate(const Container& container, const MigrationWish& wish,
                                          const Stop& stop) {
  const std::string what = fmt::format("migrate {} to {}", label(container), wish.node);
  const Result<Live> found = live(container, stop);
  if (!found) {
    const bool is_gone = found.error().code == Code::not_found;
    return is_gone && TRY(other_node_of(container, stop)) == wish.node
               ? Result<std::string>(std::string())
               : Failure(found.error());
  }
  const Status status = found->state.status;
  if (status != Status::created && status != Status::stopped) {
    return fail(Code::conflict, "{}: it is {}", what, to_string(status));
  }
  std::string complaint =
      TRY(migration_calls_.migrate(found->vmid, wish.node, wish.storage, stop).context(what));
  forget_number(container);
  return complaint;
}

Result<> GuestRuntime::start_there(const Container& container, const std::string& node,
                                   const Stop& stop) {
  const std::optional<Vmid> vmid = number_of(container);
  return vmid ? migration_calls_.start_there(*vmid, node, stop)
                    .context(fmt::format("start {} on {}", label(container), node))
              : fail(Code::not_found, "start {} on {}: nobody knows its number", label(container),
                     node);
}

Result<std::string> GuestRuntime::other_node_of(const Container& container, const Stop& stop) {
  const std::optional<Vmid> vmid = number_of(container);
  if (!vmid) {
    return std::string();
  }
  const auto placed =
      TRY(migration_calls_.find(*vmid, stop).context("look where the " + label(container) + " is"));
  if (!placed || placed->node == client_.node()) {
    return std::string();
  }
  // Five minutes after a node was last heard of its guests have no names; their tags they keep.
  const GuestStamp stamp = stamp_of(placed->guest);
  const bool is_named = stamp.name == container.name.str() || placed->guest.hostname.empty();
  return stamp.ours && stamp.job == container.job.str() && is_named ? placed->node : std::string();
}

}  // namespace drover::runtimes
