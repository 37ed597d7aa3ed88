// Migrations of guests to other nodes.
#include "runtimes/guest/guest_runtime.h"

namespace drover::runtimes {

Result<std::string> GuestRuntime::migrate(const Container& container, const MigrationWish& wish,
                                          const Stop& stop) {
  const std::string what = fmt::format("migrate {} to {}", label(container), wish.node);
  if (wish.node == client_.node()) {
    return fail(Code::invalid, "{}: it is there already; name another node of the cluster", what);
  }
  const Result<Live> found = live(container, stop);
  if (!found && found.error().code == Code::not_found &&
      TRY(other_node_of(container, stop)) == wish.node) {
    return std::string();  // an admin was faster
  }
  if (!found) {
    return Failure(found.error());
  }
  const Status status = found->state.status;
  if (status == Status::running && !wish.restart) {
    return fail(Code::conflict,
                "{}: it is running, and no container moves while it runs: say restart, which ends "
                "its program here and starts it anew there, or stop it first",
                what);
  }
  if (status != Status::running && status != Status::created && status != Status::stopped) {
    return fail(Code::conflict, "{}: it is {}", what, to_string(status));
  }
  std::string complaint =
      TRY(migration_calls_
              .migrate(found->vmid, {wish.node, wish.restart, wish.grace, wish.storage}, stop)
              .context(what));
  forget_number(container);
  return complaint;
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
  const GuestStamp stamp = stamp_of(placed->guest);
  const bool is_it =
      stamp.ours && stamp.job == container.job.str() && stamp.name == container.name.str();
  return is_it ? placed->node : std::string();
}

}  // namespace drover::runtimes
