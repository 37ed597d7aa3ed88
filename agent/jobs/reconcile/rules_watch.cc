#include "agent/jobs/reconcile/rules_watch.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "agent/jobs/reconcile/while_held.h"
#include "agent/system/log.h"

namespace drover::jobs {
namespace {

using runtimes::LostRules;

constexpr std::string_view kRules = "rules";

Event event_of(const LostRules& lost, std::string_view what, json::Object more) {
  Event event{.kind = "network",
              .object = lost.network,
              .what = std::string(what),
              .data = {{"container", lost.container}, {"interface", lost.interface}}};
  for (auto& [key, value] : more) {
    event.data.set(key, std::move(value));
  }
  return event;
}

}  // namespace

Result<> RulesWatch::look(const Node& node, Books& books, Supervisor& supervisor,
                          const system::Stop& stop) {
  const Result<std::vector<LostRules>> lost = node.networks.lost_rules(stop);
  TRY(stop.check("look at the rules of networks"));
  if (!lost) {
    if (!blind_) {
      system::log_warning("look whether ports of containers are still there: {}",
                          lost.error().message);
    }
    blind_ = true;
    return {};
  }
  blind_ = false;
  std::erase_if(given_up_, [&](const Place& place) {
    return std::none_of(lost->begin(), lost->end(), [&](const LostRules& one) {
      return Place(one.container, one.interface) == place;
    });
  });
  for (const LostRules& one : *lost) {
    if (!given_up_.contains({one.container, one.interface})) {
      TRY(mend(node, books, supervisor, one, stop));
    }
  }
  return {};
}

Result<> RulesWatch::mend(const Node& node, Books& books, Supervisor& supervisor,
                          const LostRules& lost, const system::Stop& stop) {
  return while_held(books, supervisor, lost.container,
                    [&] { return mend_held(node, books, lost, stop); });
}

Result<> RulesWatch::mend_held(const Node& node, Books& books, const LostRules& lost,
                               const system::Stop& stop) {
  const auto still = [&]() -> Result<bool> {
    const std::vector<LostRules> now = TRY(node.networks.lost_rules(stop, lost.container));
    return std::any_of(now.begin(), now.end(),
                       [&](const LostRules& one) { return one.interface == lost.interface; });
  };
  if (!TRY(still())) {
    return {};  // a job was faster
  }
  TRY(books.write([&](Books& loop) {
    return loop.tell(event_of(
        lost, "lost",
        {{"state", kRules},
         {"message",
          fmt::format("rules of {} for interface {} of container {} are gone from the kernel, "
                      "though no job has removed them; they are made again",
                      fmt::join(lost.plugins, " and "), lost.interface, lost.container)}}));
  }));
  const ContainerName name = TRY(ContainerName::parse(lost.container));
  const Result<> mended = node.networks.mend(name, lost.interface, stop, lost.plugins);
  TRY(stop.check("make rules again"));
  if (!mended || TRY(still())) {
    given_up_.insert({lost.container, lost.interface});
    system::log_warning(
        "make the rules of interface {} of container {} again: {}; the next start "
        "of the container tries it again",
        lost.interface, lost.container, mended ? "they are gone at once" : mended.error().message);
    return {};
  }
  return books.write([&](Books& loop) {
    return loop.tell(event_of(lost, "restored", {{"state", kRules}}));
  });
}

}  // namespace drover::jobs
