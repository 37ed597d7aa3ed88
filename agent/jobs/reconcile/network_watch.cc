#include "agent/jobs/reconcile/network_watch.h"

#include <utility>

#include "agent/jobs/verbs/own_networks.h"

namespace drover::jobs {
namespace {

using runtimes::BridgeState;

std::string explain(const std::string& name, BridgeState state) {
  switch (state) {
    case BridgeState::missing:
      return fmt::format(
          "bridge {} is gone, though no job has removed it; drover network ensure {} makes it "
          "again",
          name, name);
    case BridgeState::taken:
      return fmt::format(
          "what is called {} now is not Drover's bridge; remove it by hand, then "
          "drover network ensure {} makes that again",
          name, name);
    case BridgeState::down:
      return fmt::format("bridge {} was set down; drover network ensure {} sets it up", name, name);
    case BridgeState::up:
      break;
  }
  return "";
}

}  // namespace

Result<> NetworkWatch::look(Books& books) {
  std::set<std::string> lost;
  TRY(books.write([&](Books& loop) -> Result<> {
    lost.clear();  // it is run again when its commit had to wait
    const std::vector<NetworkRow> rows = TRY(loop.journal().networks());
    for (const NetworkRow& row : rows) {
      if (!row.busy.empty()) {
        continue;
      }
      const BridgeState state = TRY(state_of(row));
      const bool is_lost = state != BridgeState::up;
      if (is_lost) {
        lost.insert(row.name);
      }
      if (is_lost == lost_.contains(row.name)) {
        continue;
      }
      Event event{.kind = "network",
                  .object = row.name,
                  .what = is_lost ? "lost" : "restored",
                  .data = {{"state", to_string(state)}}};
      if (is_lost) {
        event.data.set("message", explain(row.name, state));
      }
      TRY(loop.tell(std::move(event)));
    }
    return {};
  }));
  lost_ = std::move(lost);
  return {};
}

}  // namespace drover::jobs
