#include "messaging/client/cluster_subscription.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "messaging/client/bus.h"
#include "messaging/client/published.h"

namespace drover::messaging {
namespace {

using std::chrono::milliseconds;

// A dispatcher gives a node 5 s for its answer.
constexpr milliseconds kTimeOfNode{6000};
constexpr milliseconds kFirstPause{100};
constexpr milliseconds kLongestPause{5000};

ClientOptions options_of_asker(ClientOptions options) {
  // While one node is waited for the events of all others wait, too.
  options.waits_for_unavailable = false;
  options.query_timeout = std::min(options.query_timeout, kTimeOfNode);
  return options;
}

system::Instant moment() {
  return std::chrono::steady_clock::now();
}

}  // namespace

struct ClusterSubscription::Socket {
  std::shared_ptr<Bus> bus;
  zmq::socket_t socket;
};

ClusterSubscription::ClusterSubscription(const Client& client, ClusterSubscriptionOptions options,
                                         dispatch::Target target)
    : options_(std::move(options)),
      target_(std::move(target)),
      asker_(std::make_unique<Client>(client.another(options_of_asker(client.options())))),
      last_heard_(moment()) {}
ClusterSubscription::~ClusterSubscription() = default;
ClusterSubscription::ClusterSubscription(ClusterSubscription&&) noexcept = default;

Result<ClusterSubscription> ClusterSubscription::open(const Client& client,
                                                      ClusterSubscriptionOptions options,
                                                      const system::Stop& stop) {
  if (!client.is_cluster()) {
    return fail(Code::invalid, "follow several nodes: that takes a cluster's dispatchers");
  }
  dispatch::Target target = TRY(dispatch::Target::parse(options.target));
  ClusterSubscription events(client, std::move(options), std::move(target));
  zmq::socket_t made = TRY(client.bus()->subscriber("events.sock"));
  made.set(zmq::sockopt::subscribe, "");
  events.socket_ = std::make_unique<Socket>(Socket{client.bus(), std::move(made)});
  TRY(events.find_nodes(stop));
  TRY(events.look_after(stop));
  return events;
}

void ClusterSubscription::add(const std::string& name) {
  SubscriptionOptions own;
  if (const auto after = options_.after.find(name); after != options_.after.end()) {
    own.after = after->second;
  }
  own.filter = options_.filter;
  own.snapshot = options_.snapshot;
  Node node;
  node.events = std::unique_ptr<Subscription>(new Subscription(*asker_, std::move(own)));
  // Events of all kinds come here, so that only the node's own count tells of a loss.
  node.events->counter_ = Subscription::Counter::node;
  node.pause = kFirstPause;
  nodes_.insert_or_assign(name, std::move(node));
}

Result<> ClusterSubscription::find_nodes(const system::Stop& stop) {
  const json::Value answer = TRY(asker_->known("nodes", stop));
  const json::Array* nodes = answer.at("nodes").array();
  if (nodes == nullptr) {
    return fail(Code::broken, "dispatch.nodes: the dispatcher's answer has no list of nodes");
  }
  for (const json::Value& node : *nodes) {
    const std::string name(node.at("name").string_or(""));
    dispatch::Labels labels;
    if (const json::Object* own = node.at("labels").object()) {
      for (const auto& [key, value] : *own) {
        labels[key] = value.string_or("");
      }
    }
    if (!name.empty() && !nodes_.contains(name) && target_.fits(name, labels)) {
      add(name);
    }
  }
  return {};
}

template <class Act>
Result<> ClusterSubscription::attempt(const std::string& name, Node& node, const Act& act) {
  asker_->set_target(name);
  const Result<> done = act();
  if (done) {
    node.begun = true;
    node.silent = false;
    node.pause = kFirstPause;
    last_heard_ = moment();
    return {};
  }
  const Code code = done.error().code;
  if (code != Code::unavailable && code != Code::timed_out) {
    return Failure(Error(done.error()).context("node " + name));
  }
  node.silent = true;
  node.next_try = moment() + node.pause;
  node.pause = std::min<system::Duration>(node.pause * 2, kLongestPause);
  return {};
}

/// Somebody speaks whom we do not follow: a node that has come since, or the dispatcher itself.
Result<> ClusterSubscription::take_stranger(const std::string& name, const std::string& body,
                                            const system::Stop& stop) {
  const Result<json::Value> value = json::parse(body);
  const bool is_beacon =
      value && value->at("node").string_or("") == name && value->at("epoch").string() != nullptr;
  if (!is_beacon) {
    return {};
  }
  if (target_.kind() != dispatch::Target::Kind::labels) {
    if (target_.fits(name, {})) {
      add(name);
    }
    return {};
  }
  const Result<> found = find_nodes(stop);  // its labels decide
  return found || found.error().code == Code::cancelled ? found : Result<>();
}

Result<> ClusterSubscription::take(const std::string& topic, const std::string& body,
                                   const system::Stop& stop) {
  last_heard_ = moment();
  const std::string name = topic.substr(0, topic.find('.'));
  auto found = nodes_.find(name);
  if (found == nodes_.end()) {
    return take_stranger(name, body, stop);
  }
  Node& node = found->second;
  if (!node.begun) {
    return {};  // it begins by what it is asked, and soon: it is there
  }
  node.events->heard();
  return attempt(name, node, [&] { return node.events->take_message(body, stop); });
}

/// Begins with nodes that have not begun, and asks those that were silent for too long.
Result<> ClusterSubscription::look_after(const system::Stop& stop) {
  for (auto& [name, node] : nodes_) {
    Subscription& events = *node.events;
    if (moment() < node.next_try || (node.begun && moment() < events.next_check_)) {
      continue;
    }
    if (!node.begun) {
      TRY(attempt(name, node, [&] { return events.begin(stop); }));
      continue;
    }
    TRY(attempt(name, node, [&] {
      const Result<> caught_up = events.catch_up(stop);
      events.heard();
      return caught_up;
    }));
  }
  return {};
}

system::Instant ClusterSubscription::next_look() const {
  system::Instant next = system::Instant::max();
  for (const auto& [name, node] : nodes_) {
    next = std::min(next,
                    node.begun ? std::max(node.events->next_check_, node.next_try) : node.next_try);
  }
  return next;
}

Result<std::optional<NodeNotice>> ClusterSubscription::next(system::Instant until,
                                                            const system::Stop& stop) {
  for (;;) {
    for (auto& [name, node] : nodes_) {
      if (std::optional<Notice> notice = node.events->waiting_notice()) {
        return std::optional<NodeNotice>(NodeNotice{name, std::move(*notice)});
      }
    }
    const system::Instant silence = last_heard_ + asker_->options().silence_limit;
    const std::optional<Published> message =
        TRY(receive_published(socket_->socket, std::min({until, next_look(), silence}), stop));
    if (message) {
      TRY(take(message->topic, message->body, stop));
    }
    TRY(look_after(stop));
    if (moment() >= last_heard_ + asker_->options().silence_limit) {
      last_heard_ = moment();
      const Bus& bus = *socket_->bus;
      return fail(Code::unavailable, "{}: nothing is heard of the cluster: {}",
                  bus.text(bus.current()), bus.question(bus.current()));
    }
    const bool any = std::any_of(nodes_.begin(), nodes_.end(), [](const auto& entry) {
      return !entry.second.events->notices_.empty();
    });
    if (!any && moment() >= until) {
      return std::optional<NodeNotice>();
    }
  }
}

std::map<std::string, EventPosition> ClusterSubscription::positions() const {
  std::map<std::string, EventPosition> all = options_.after;
  for (const auto& [name, node] : nodes_) {
    if (node.begun) {
      all.insert_or_assign(name, node.events->position());
    }
  }
  return all;
}

std::vector<std::string> ClusterSubscription::silent() const {
  std::vector<std::string> names;
  for (const auto& [name, node] : nodes_) {
    if (node.silent) {
      names.push_back(name);
    }
  }
  return names;
}

std::uint64_t ClusterSubscription::replays() const {
  std::uint64_t all = 0;
  for (const auto& [name, node] : nodes_) {
    all += node.events->replays();
  }
  return all;
}

}  // namespace drover::messaging
