#include "messaging/client/subscription.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "messaging/client/bus.h"
#include "messaging/client/published.h"

namespace drover::messaging {
namespace {

using std::chrono::milliseconds;

constexpr std::int64_t kPage = 256;
// Until the subscription has reached the publisher nothing tells of what it missed, so it is asked
// soon.
constexpr milliseconds kFirstCheck{50};
constexpr milliseconds kLongestCheck{1000};
// Three beacons that did not come.
constexpr milliseconds kSuspect{3000};

}  // namespace

struct Subscription::Socket {
  std::shared_ptr<Bus> bus;
  zmq::socket_t socket;
};

Subscription::Subscription(Client& client, SubscriptionOptions options)
    : client_(&client),
      options_(std::move(options)),
      counter_(options_.filter.takes_one()         ? Counter::object
               : options_.filter.kinds.size() == 1 ? Counter::kind
                                                   : Counter::node),
      last_heard_(std::chrono::steady_clock::now()),
      check_after_(kFirstCheck),
      next_check_(std::chrono::steady_clock::now() + kFirstCheck) {
  if (options_.after) {
    given_ = *options_.after;
    epoch_ = given_.epoch;
    seq_ = given_.seq;
  }
}
Subscription::~Subscription() = default;
Subscription::Subscription(Subscription&&) noexcept = default;

Result<Subscription> Subscription::open(Client& client, SubscriptionOptions options,
                                        const system::Stop& stop) {
  Subscription subscription(client, std::move(options));
  TRY(subscription.connect(stop));
  TRY(subscription.begin(stop));
  return subscription;
}

Result<> Subscription::begin(const system::Stop& stop) {
  if (!options_.after) {
    return take_snapshot(stop);
  }
  TRY(catch_up(stop));
  if (given_.epoch.empty()) {
    given_.epoch = epoch_;
  }
  return {};
}

Result<> Subscription::connect(const system::Stop& stop) {
  // A dispatcher publishes the events of all nodes.
  std::vector<std::string> topics = {client_->is_cluster() ? client_->target() + "." : ""};
  if (counter_ != Counter::node) {
    const json::Value about = TRY(client_->node(stop));
    const std::string_view node = about.at("node").string_or("");
    const EventFilter& filter = options_.filter;
    topics = {fmt::format("{}.beacon.", node), fmt::format("{}.{}.", node, filter.kinds.front())};
    if (counter_ == Counter::object) {
      topics.back() += filter.object + ".";
    }
  }
  zmq::socket_t made = TRY(client_->bus()->subscriber("events.sock"));
  for (const std::string& topic : topics) {
    made.set(zmq::sockopt::subscribe, topic);
  }
  socket_ = std::make_unique<Socket>(Socket{client_->bus(), std::move(made)});
  return {};
}

/// `about`: the first answer, with node, epoch and seq.
Result<json::Object> Subscription::things_now(json::Value& about, const system::Stop& stop) {
  json::Object found;
  for (const std::string& things : options_.snapshot) {
    json::Value answer = TRY(client_->all(things, stop));
    json::Value* list = answer.object()->find(things);
    if (list == nullptr || list->array() == nullptr) {
      return fail(Code::broken, "query.{}: the node's answer has no list", things);
    }
    found.set(things, std::move(*list));
    if (about.object() == nullptr) {
      about = std::move(answer);
    } else if (answer.at("epoch") != about.at("epoch")) {
      return fail(Code::unavailable, "query.{}: the node's journal was made anew while it was read",
                  things);
    }
  }
  if (about.object() == nullptr) {
    about = TRY(client_->node(stop));
  }
  return found;
}

Result<> Subscription::take_snapshot(const system::Stop& stop) {
  json::Value about;
  json::Object things = TRY(things_now(about, stop));
  const std::int64_t seq = about.at("seq").integer_or(-1);
  if (seq < 0 || about.at("epoch").string() == nullptr) {
    return fail(Code::broken, "take a snapshot: the node's answer has no epoch and seq");
  }
  epoch_ = *about.at("epoch").string();
  seq_ = static_cast<std::uint64_t>(seq);
  kseq_.reset();
  oseq_.reset();
  notices_.emplace_back(
      Snapshot{std::string(about.at("node").string_or("")), epoch_, seq_, std::move(things)});
  return {};
}

Result<> Subscription::catch_up(const system::Stop& stop) {
  for (;;) {
    EventPage page = TRY(client_->events({epoch_, seq_}, kPage, stop, options_.filter));
    if (epoch_.empty()) {
      epoch_ = page.epoch;
    }
    if (page.epoch != epoch_ || page.oldest > seq_ + 1 || page.head < seq_) {
      return take_snapshot(stop);
    }
    const std::uint64_t before = seq_;
    const std::uint64_t head = page.head;
    TRY(take_page(std::move(page)));
    if (seq_ >= head) {
      return {};
    }
    if (seq_ == before) {
      return fail(Code::broken, "query.events: the node's answer does not go on behind {}", seq_);
    }
  }
}

Result<> Subscription::take_page(EventPage page) {
  for (Event& event : page.events) {
    const bool follows = options_.filter.takes_all() ? event.seq == seq_ + 1 : event.seq > seq_;
    if (!follows) {
      return fail(Code::broken, "query.events: event {} is followed by {}", seq_, event.seq);
    }
    pass_on(std::move(event));
  }
  seq_ = std::max(seq_, page.through);
  if (counter_ != Counter::node && seq_ >= page.head) {
    const json::Value* count = page.kinds.find(options_.filter.kinds.front());
    kseq_ = static_cast<std::uint64_t>(count == nullptr ? 0 : count->integer_or(0));
  }
  return {};
}

Result<> Subscription::replay(const system::Stop& stop) {
  const std::size_t before = notices_.size();
  TRY(catch_up(stop));
  replays_ += notices_.size() > before ? 1 : 0;
  return {};
}

bool Subscription::is_next(const Event& event) const {
  switch (counter_) {
    case Counter::kind:
      return kseq_ && event.kseq == *kseq_ + 1;
    case Counter::object:
      return oseq_ && event.oseq == *oseq_ + 1;
    case Counter::node:
      break;
  }
  return event.seq == seq_ + 1;
}

void Subscription::pass_on(Event event) {
  seq_ = event.seq;
  if (counter_ != Counter::node) {
    kseq_ = event.kseq;
    oseq_ = event.oseq;
  }
  if (options_.filter.takes(event.kind, event.object)) {
    notices_.emplace_back(std::move(event));
  }
}

Result<> Subscription::take_event(Event event, const system::Stop& stop) {
  if (event.epoch != epoch_) {
    return take_snapshot(stop);
  }
  if (event.seq <= seq_) {
    return {};
  }
  if (is_next(event)) {
    pass_on(std::move(event));
    return {};
  }
  return replay(stop);
}

Result<> Subscription::take_beacon(const json::Value& beacon, const system::Stop& stop) {
  const std::string* epoch = beacon.at("epoch").string();
  if (epoch == nullptr) {
    return {};
  }
  if (*epoch != epoch_) {
    return take_snapshot(stop);
  }
  const auto seq = static_cast<std::uint64_t>(beacon.at("seq").integer_or(0));
  if (seq <= seq_) {
    return {};
  }
  if (counter_ != Counter::node && kseq_) {
    const std::int64_t count = beacon.at("kinds").at(options_.filter.kinds.front()).integer_or(-1);
    if (count >= 0 && static_cast<std::uint64_t>(count) == *kseq_) {
      seq_ = seq;  // nothing of this kind was among them
      return {};
    }
  }
  return replay(stop);
}

Result<> Subscription::take_message(std::string_view body, const system::Stop& stop) {
  const Result<json::Value> value = json::parse(body);
  if (!value) {
    return {};  // whatever it was, the numbers of the next one tell whether it is missed
  }
  if (Result<Event> event = event_from_cloud(*value)) {
    return take_event(std::move(*event), stop);
  }
  return take_beacon(*value, stop);
}

EventPosition Subscription::position() const {
  return notices_.empty() ? EventPosition{epoch_, seq_} : given_;
}

Result<> Subscription::check(const system::Stop& stop) {
  const std::uint64_t before = seq_;
  Result<> caught_up = catch_up(stop);
  check_after_ = std::min<system::Duration>(check_after_ * 2, kLongestCheck);
  next_check_ = std::chrono::steady_clock::now() + check_after_;
  if (caught_up) {
    last_heard_ = std::chrono::steady_clock::now();
    replays_ += seq_ != before ? 1 : 0;
    return {};
  }
  const Code code = caught_up.error().code;
  if (code != Code::unavailable && code != Code::timed_out) {
    return caught_up;
  }
  if (std::chrono::steady_clock::now() - last_heard_ < client_->options().silence_limit) {
    return {};  // it may be on its way back
  }
  const Bus& bus = *client_->bus();
  return fail(Code::unavailable, "{}: the node has been silent for {} s: {}",
              bus.text(bus.current()),
              std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() -
                                                               last_heard_)
                  .count(),
              bus.question(bus.current()));
}

void Subscription::heard() {
  last_heard_ = std::chrono::steady_clock::now();
  check_after_ = std::min(kSuspect, client_->options().silence_limit);
  next_check_ = last_heard_ + check_after_;
}

std::optional<Notice> Subscription::waiting_notice() {
  if (notices_.empty()) {
    return std::nullopt;
  }
  std::optional<Notice> notice(std::move(notices_.front()));
  notices_.pop_front();
  if (const Event* event = std::get_if<Event>(&*notice)) {
    given_ = EventPosition{event->epoch, event->seq};
  } else {
    const Snapshot& snapshot = std::get<Snapshot>(*notice);
    given_ = EventPosition{snapshot.epoch, snapshot.seq};
  }
  return notice;
}

Result<std::optional<Notice>> Subscription::next(system::Instant until, const system::Stop& stop) {
  for (;;) {
    if (std::optional<Notice> notice = waiting_notice()) {
      return notice;
    }
    const std::optional<Published> message =
        TRY(receive_published(socket_->socket, std::min(until, next_check_), stop));
    if (message) {
      heard();
      TRY(take_message(message->body, stop));
    } else if (std::chrono::steady_clock::now() >= next_check_) {
      TRY(check(stop));
    }
    if (notices_.empty() && std::chrono::steady_clock::now() >= until) {
      return std::optional<Notice>();
    }
  }
}

}  // namespace drover::messaging
