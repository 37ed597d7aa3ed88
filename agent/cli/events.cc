// drover events: what happened on the node.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/cli/cluster_events.h"
#include "agent/cli/command.h"
#include "agent/cli/event_text.h"
#include "agent/cli/exit_code.h"
#include "messaging/client/subscription.h"

namespace drover::cli {
namespace {

struct EventsOptions {
  bool follow = false;
  std::vector<std::string> after;
  EventFilter filter{};
  bool json = false;
};

void print(const Event& event, const std::string& node, bool as_json) {
  fmt::print("{}\n", as_json ? json::write(to_cloud_event(event, node)) : event_text(event));
  std::fflush(stdout);
}

/// So that whoever reads on later need not begin anew. Programs have both in each event.
void print_position(const EventPosition& position, const EventsOptions& options) {
  if (!options.json) {
    fmt::print(stderr, "drover: to go on from here: --after {}\n", to_string(position));
  }
}

/// Why there is a snapshot in place of what was asked for.
void print_gap(const EventPosition& asked, const messaging::Snapshot& found) {
  if (asked.epoch == found.epoch) {
    fmt::print(stderr, "drover: events {} to {} are not to be had any more\n", asked.seq + 1,
               found.seq);
    return;
  }
  fmt::print(stderr,
             "drover: the node has a new journal; events of the one before ({}) are not to be had. "
             "Those behind {} follow\n",
             to_string(asked), to_string({found.epoch, found.seq}));
}

Result<int> follow(Session& session, messaging::Client& client, const std::string& node,
                   const std::optional<EventPosition>& after, const EventsOptions& options) {
  const system::Stop& stop = session.interrupt.first();
  messaging::Subscription events = TRY(messaging::Subscription::open(
      client, {.after = after, .filter = options.filter, .snapshot = {}}, stop));
  bool begun = after.has_value();
  for (;;) {
    constexpr std::chrono::hours kTurn{1};
    const EventPosition before = events.position();
    Result<std::optional<messaging::Notice>> notice = events.next(client.in(kTurn), stop);
    if (!notice) {
      print_position(events.position(), options);
      return Failure(std::move(notice).error());
    }
    if (!*notice) {
      continue;
    }
    if (const Event* event = std::get_if<Event>(&**notice)) {
      print(*event, node, options.json);
    } else if (begun) {
      print_gap(before, std::get<messaging::Snapshot>(**notice));
    }
    begun = true;
  }
}

Result<int> list(Session& session, messaging::Client& client, const std::string& node,
                 EventPosition after, const EventsOptions& options) {
  constexpr std::int64_t kPage = 256;
  for (;;) {
    const messaging::EventPage page =
        TRY(client.events(after, kPage, session.interrupt.first(), options.filter));
    if (!after.epoch.empty() && page.epoch != after.epoch) {
      return fail(Code::not_found,
                  "events behind {}: the node has a new journal since, and those of the one before "
                  "are not to be had: `drover events` prints what there is",
                  to_string(after));
    }
    if (after.seq > 0 && after.seq + 1 < page.oldest) {
      fmt::print(stderr, "drover: events {} to {} are not kept any more\n", after.seq + 1,
                 page.oldest - 1);
    }
    after.epoch = page.epoch;
    for (const Event& event : page.events) {
      print(event, node, options.json);
    }
    if (page.through <= after.seq || page.through >= page.head) {
      after.seq = std::max(after.seq, page.through);
      print_position(after, options);
      return kDone;
    }
    after.seq = page.through;
  }
}

Result<int> show_events(Session& session, const EventsOptions& options) {
  if (session.is_cluster()) {
    Result<std::map<std::string, EventPosition>> positions = read_positions(options.after);
    if (!positions) {
      return wrong_usage(positions.error());
    }
    return quiet_when_interrupted(
        show_cluster_events(session,
                            {options.follow, std::move(*positions), options.filter, options.json}),
        session.interrupt.first());
  }
  std::optional<EventPosition> after;
  if (!options.after.empty()) {
    const Result<EventPosition> position = parse_position(options.after.back()).context("--after");
    if (!position) {
      return wrong_usage(position.error());
    }
    after = *position;
  }
  messaging::Client client = TRY(session.connect());
  const json::Value about = TRY(client.node(session.interrupt.first()));
  const std::string node(about.at("node").string_or(""));
  return quiet_when_interrupted(
      options.follow ? follow(session, client, node, after, options)
                     : list(session, client, node, after.value_or(EventPosition{}), options),
      session.interrupt.first());
}

}  // namespace

void add_events(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand(
      "events",
      "Print the node's events, or a cluster's: all there are, or with -f those that come");
  const auto options = std::make_shared<EventsOptions>();
  command->add_flag("-f,--follow", options->follow, "Go on with each event as it happens");
  command
      ->add_option(
          "--after", options->after,
          "Begin behind this event: EPOCH:SEQ, as it is printed at the end, or its number "
          "in the journal that the node has now; of a cluster NODE=EPOCH:SEQ, for each node")
      ->allow_extra_args(false)
      ->type_name("EPOCH:SEQ");
  command
      ->add_option("--kind", options->filter.kinds,
                   "Only those of this kind; may be given several times")
      ->type_name("KIND")
      ->allow_extra_args(false)
      ->check(CLI::IsMember(std::vector<std::string>(kEventKinds.begin(), kEventKinds.end())));
  command
      ->add_option("--name", options->filter.object,
                   "Only those of objects whose name this is, or fits as a pattern (web-*)")
      ->type_name("GLOB");
  command->add_flag("--json", options->json, "Each as CloudEvents 1.0 JSON on a line of its own");
  command->footer(kExitStatus);
  command->callback([&action, options] {
    action = [options](Session& session) { return show_events(session, *options); };
  });
}

}  // namespace drover::cli
