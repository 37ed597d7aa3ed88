// drover events: what happened on the node.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>

#include "agent/cli/command.h"
#include "agent/cli/event_text.h"
#include "agent/cli/exit_code.h"
#include "messaging/client/subscription.h"

namespace drover::cli {
namespace {

struct EventsOptions {
  bool follow = false;
  std::optional<std::uint64_t> after;
  bool json = false;
};

void print(const Event& event, const std::string& node, bool as_json) {
  fmt::print("{}\n", as_json ? json::write(to_cloud_event(event, node)) : event_text(event));
  std::fflush(stdout);
}

Result<int> follow(Session& session, messaging::Client& client, const std::string& node,
                   const EventsOptions& options) {
  const system::Stop& stop = session.interrupt.first();
  messaging::Subscription events = TRY(messaging::Subscription::open(client, options.after, stop));
  bool begun = options.after.has_value();
  for (;;) {
    constexpr std::chrono::hours kTurn{1};
    const std::optional<messaging::Notice> notice = TRY(events.next(client.in(kTurn), stop));
    if (!notice) {
      continue;
    }
    if (const Event* event = std::get_if<Event>(&*notice)) {
      print(*event, node, options.json);
    } else if (begun) {
      const messaging::Snapshot& snapshot = std::get<messaging::Snapshot>(*notice);
      fmt::print(stderr, "drover: events before {} of epoch {} are not to be had\n",
                 snapshot.seq + 1, snapshot.epoch);
    }
    begun = true;
  }
}

Result<int> list(Session& session, messaging::Client& client, const std::string& node,
                 const EventsOptions& options) {
  constexpr std::int64_t kPage = 256;
  std::uint64_t after = options.after.value_or(0);
  for (;;) {
    const messaging::EventPage page = TRY(client.events(after, kPage, session.interrupt.first()));
    for (const Event& event : page.events) {
      print(event, node, options.json);
      after = event.seq;
    }
    if (page.events.empty() || after >= page.head) {
      return kDone;
    }
  }
}

Result<int> show_events(Session& session, const EventsOptions& options) {
  messaging::Client client = TRY(session.connect());
  const json::Value about = TRY(client.node(session.interrupt.first()));
  const std::string node(about.at("node").string_or(""));
  return quiet_when_interrupted(options.follow ? follow(session, client, node, options)
                                               : list(session, client, node, options),
                                session.interrupt.first());
}

}  // namespace

void add_events(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand(
      "events", "Print the node's events: all there are, or with -f those that come");
  const auto options = std::make_shared<EventsOptions>();
  command->add_flag("-f,--follow", options->follow, "Go on with each event as it happens");
  command->add_option("--after", options->after, "Begin behind the event of this number")
      ->type_name("SEQ");
  command->add_flag("--json", options->json, "Each as CloudEvents 1.0 JSON on a line of its own");
  command->footer(kExitStatus);
  command->callback([&action, options] {
    action = [options](Session& session) { return show_events(session, *options); };
  });
}

}  // namespace drover::cli
