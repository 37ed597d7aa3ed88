#include "agent/cli/cluster_events.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <set>

#include "agent/cli/event_text.h"
#include "agent/cli/exit_code.h"
#include "messaging/client/cluster_subscription.h"

namespace drover::cli {
namespace {

void print_of(const std::string& node, const Event& event, bool as_json) {
  if (as_json) {
    fmt::print("{}\n", json::write(to_cloud_event(event, node)));
  } else {
    fmt::print("{} {}\n", node, event_text(event));
  }
  std::fflush(stdout);
}

void print_positions(const std::map<std::string, EventPosition>& positions, bool as_json) {
  if (as_json || positions.empty()) {
    return;
  }
  std::string text;
  for (const auto& [node, position] : positions) {
    text += fmt::format(" --after {}={}", node, to_string(position));
  }
  fmt::print(stderr, "drover: to go on from here:{}\n", text);
}

Result<int> follow_all(Session& session, messaging::Client& client,
                       const ClusterEventsOptions& options) {
  const system::Stop& stop = session.interrupt.first();
  messaging::ClusterSubscription events = TRY(messaging::ClusterSubscription::open(
      client, {client.target(), options.after, options.filter, {}}, stop));
  std::set<std::string> begun;
  for (const auto& [node, position] : options.after) {
    begun.insert(node);
  }
  for (;;) {
    constexpr std::chrono::hours kTurn{1};
    const Result<std::optional<messaging::NodeNotice>> next = events.next(client.in(kTurn), stop);
    if (!next) {
      print_positions(events.positions(), options.json);
      return Failure(next.error());
    }
    if (!*next) {
      continue;
    }
    const messaging::NodeNotice& notice = **next;
    if (const Event* event = std::get_if<Event>(&notice.notice)) {
      print_of(notice.node, *event, options.json);
    } else if (!begun.insert(notice.node).second) {
      const messaging::Snapshot& found = std::get<messaging::Snapshot>(notice.notice);
      fmt::print(stderr,
                 "drover: node {}: some events are not to be had any more; those behind {} "
                 "follow\n",
                 notice.node, to_string({found.epoch, found.seq}));
    }
  }
}

/// All that one node has behind a position, which moves on.
Result<> list_of_node(messaging::Client& client, const std::string& node, EventPosition& after,
                      const ClusterEventsOptions& options, const system::Stop& stop) {
  constexpr std::int64_t kPage = 256;
  client.set_target(node);
  for (;;) {
    const messaging::EventPage page = TRY(client.events(after, kPage, stop, options.filter));
    if (!after.epoch.empty() && page.epoch != after.epoch) {
      return fail(Code::not_found, "events behind {}: the node has a new journal since",
                  to_string(after));
    }
    after.epoch = page.epoch;
    for (const Event& event : page.events) {
      print_of(node, event, options.json);
    }
    const bool goes_on = page.through > after.seq && page.through < page.head;
    after.seq = std::max(after.seq, page.through);
    if (!goes_on) {
      return {};
    }
  }
}

Result<int> list_all(Session& session, messaging::Client& client,
                     const ClusterEventsOptions& options) {
  const system::Stop& stop = session.interrupt.first();
  const messaging::NodeAnswers nodes = TRY(client.request_nodes(
      "query.node", json::Object(), client.in(client.options().query_timeout), stop));
  std::map<std::string, EventPosition> positions = options.after;
  int code = kDone;
  for (const auto& [node, answer] : nodes.answers) {
    const Result<> listed = answer ? list_of_node(client, node, positions[node], options, stop)
                                   : Result<>(Failure(answer.error()));
    if (!listed && listed.error().code == Code::cancelled) {
      return Failure(listed.error());
    }
    if (!listed) {
      print_error(Error(listed.error()).context("node " + node));
      code = kFailed;
    }
  }
  print_positions(positions, options.json);
  return code;
}

}  // namespace

Result<std::map<std::string, EventPosition>> read_positions(const std::vector<std::string>& texts) {
  std::map<std::string, EventPosition> positions;
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      return fail(Code::invalid, "--after {}: of a cluster's events it is NODE=EPOCH:SEQ", text);
    }
    EventPosition position =
        TRY(parse_position(text.substr(equals + 1)).context("--after " + text));
    positions.insert_or_assign(text.substr(0, equals), std::move(position));
  }
  return positions;
}

Result<int> show_cluster_events(Session& session, const ClusterEventsOptions& options) {
  messaging::Client client = TRY(session.connect_to_nodes("all"));
  return options.follow ? follow_all(session, client, options) : list_all(session, client, options);
}

}  // namespace drover::cli
