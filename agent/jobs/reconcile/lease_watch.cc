#include "agent/jobs/reconcile/lease_watch.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "agent/jobs/container_record.h"
#include "agent/jobs/reconcile/while_held.h"
#include "agent/jobs/verbs/change_root.h"
#include "agent/system/log.h"

namespace drover::jobs {
namespace {

using runtimes::LostLease;

constexpr std::string_view kLease = "lease";

Event event_of_lease(const LostLease& lost, std::string_view what) {
  return {
      .kind = "network",
      .object = lost.network,
      .what = std::string(what),
      .data = {{"container", lost.container}, {"interface", lost.interface}, {"state", kLease}}};
}

/// Its hosts file and resolv.conf are written when it starts: what runs has them mounted.
Result<> note_lease(Books& books, const LostLease& lost, const runtimes::Lease& lease) {
  return books.write([&](Books& loop) -> Result<> {
    Event event = event_of_lease(lost, "restored");
    event.data.set("address", lease.address);
    TRY(loop.tell(std::move(event)));
    return change_record(loop.journal(), lost.container, [&](ContainerRecord& record) {
      for (runtimes::Attachment& attachment : record.interfaces) {
        if (attachment.interface == lost.interface) {
          attachment.address = lease.address;
          attachment.gateway = attachment.gateway.empty() ? "" : lease.gateway;
          attachment.dns = lease.dns;
        }
      }
    });
  });
}

}  // namespace

Result<> LeaseWatch::look(const Node& node, Books& books, Supervisor& supervisor,
                          const system::Stop& stop) {
  const Result<std::vector<LostLease>> lost = node.networks.lost_leases(stop);
  TRY(stop.check("look at leases"));
  if (!lost) {
    system::log_warning("look whether leases are renewed: {}", lost.error().message);
    return {};
  }
  std::erase_if(told_, [&](const auto& told) {
    return std::none_of(lost->begin(), lost->end(), [&](const LostLease& one) {
      return Place(one.container, one.interface) == told.first;
    });
  });
  std::set<std::string> silent;  // networks
  for (const LostLease& one : *lost) {
    const auto mend_one = [&]() -> Result<> {
      TRY(tell(books, one));
      if (!silent.contains(one.network) && !TRY(mend(node, books, one, stop))) {
        silent.insert(one.network);
      }
      return {};
    };
    TRY(while_held(books, supervisor, one.container, mend_one));
  }
  return {};
}

Result<> LeaseWatch::tell(Books& books, const LostLease& lost) {
  if (!told_.emplace(Place(lost.container, lost.interface), false).second) {
    return {};
  }
  return books.write([&](Books& loop) {
    Event event = event_of_lease(lost, "lost");
    event.data.set(
        "message",
        fmt::format("nobody renews the lease of interface {} of container {}: {}; it is asked for "
                    "again until a DHCP server answers",
                    lost.interface, lost.container, lost.why));
    return loop.tell(std::move(event));
  });
}

Result<bool> LeaseWatch::mend(const Node& node, Books& books, const LostLease& lost,
                              const system::Stop& stop) {
  const ContainerName name = TRY(ContainerName::parse(lost.container));
  const Result<runtimes::Lease> lease = node.networks.lease_again(name, lost.interface, stop);
  TRY(stop.check("ask for leases again"));
  if (!lease) {
    if (!std::exchange(told_[{lost.container, lost.interface}], true)) {
      system::log_warning("ask for a lease again: {}", lease.error().message);
    }
    return false;
  }
  told_.erase({lost.container, lost.interface});
  TRY(note_lease(books, lost, *lease));
  return true;
}

}  // namespace drover::jobs
