#include "messaging/client/subscription.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <vector>

#include "messaging/client/bus.h"
#include "messaging/client/socket_wait.h"

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

  /// The body of the next message; none at `until`, "" when it was no message of ours.
  Result<std::optional<std::string>> receive(system::Instant until, const system::Stop& stop);
};

Result<std::optional<std::string>> Subscription::Socket::receive(system::Instant until,
                                                                 const system::Stop& stop) {
  std::array<zmq::pollitem_t, 1> items = {zmq::pollitem_t{socket.handle(), 0, ZMQ_POLLIN, 0}};
  const bool ready = TRY(wait_for(items, until, stop));
  if (!ready) {
    return std::optional<std::string>();
  }
  try {
    std::string body;
    std::size_t count = 0;
    for (bool more = true; more; ++count) {
      zmq::message_t frame;
      if (!socket.recv(frame, zmq::recv_flags::dontwait)) {
        break;
      }
      more = frame.more();
      if (count == 1) {
        body = frame.to_string();
      }
    }
    return std::optional<std::string>(count == 2 ? std::move(body) : std::string());
  } catch (const zmq::error_t& error) {
    if (error.num() == EINTR) {
      return std::optional<std::string>(std::string());
    }
    return fail(Code::broken, "receive from events.sock: {}", error.what());
  }
}

Subscription::Subscription(Client& client, std::unique_ptr<Socket> socket)
    : client_(&client),
      socket_(std::move(socket)),
      last_heard_(std::chrono::steady_clock::now()),
      check_after_(kFirstCheck),
      next_check_(std::chrono::steady_clock::now() + kFirstCheck) {}
Subscription::~Subscription() = default;
Subscription::Subscription(Subscription&&) noexcept = default;

Result<Subscription> Subscription::open(Client& client, const std::optional<EventPosition>& after,
                                        const system::Stop& stop) {
  zmq::socket_t made = TRY(client.bus()->subscriber("events.sock"));
  made.set(zmq::sockopt::subscribe, "");
  auto socket = std::make_unique<Socket>(Socket{client.bus(), std::move(made)});
  Subscription subscription(client, std::move(socket));
  if (after) {
    subscription.epoch_ = after->epoch;
    subscription.seq_ = after->seq;
    TRY(subscription.catch_up(stop));
    subscription.given_ = *after;
    if (after->epoch.empty()) {
      subscription.given_.epoch = subscription.epoch_;
    }
  } else {
    TRY(subscription.take_snapshot(stop));
  }
  return subscription;
}

Result<> Subscription::take_snapshot(const system::Stop& stop) {
  const json::Value answer = TRY(client_->containers(stop));
  const std::int64_t seq = answer.at("seq").integer_or(-1);
  if (seq < 0 || answer.at("epoch").string() == nullptr ||
      answer.at("containers").array() == nullptr) {
    return fail(Code::broken, "query.containers: the node's answer has no epoch, seq and list");
  }
  epoch_ = *answer.at("epoch").string();
  seq_ = static_cast<std::uint64_t>(seq);
  notices_.emplace_back(Snapshot{std::string(answer.at("node").string_or("")), epoch_, seq_,
                                 answer.at("containers")});
  return {};
}

Result<> Subscription::catch_up(const system::Stop& stop) {
  for (;;) {
    EventPage page = TRY(client_->events({epoch_, seq_}, kPage, stop));
    if (epoch_.empty()) {
      epoch_ = page.epoch;
    }
    const bool continues =
        page.events.empty() ? page.head == seq_ : page.events.front().seq == seq_ + 1;
    if (page.epoch != epoch_ || !continues) {
      return take_snapshot(stop);
    }
    for (Event& event : page.events) {
      if (event.seq != seq_ + 1) {
        return fail(Code::broken, "query.events: event {} is followed by {}", seq_, event.seq);
      }
      seq_ = event.seq;
      notices_.emplace_back(std::move(event));
    }
    if (seq_ >= page.head) {
      return {};
    }
  }
}

Result<> Subscription::take_event(Event event, const system::Stop& stop) {
  if (event.epoch != epoch_) {
    return take_snapshot(stop);
  }
  if (event.seq > seq_ + 1) {
    ++replays_;
    return catch_up(stop);
  }
  if (event.seq == seq_ + 1) {
    seq_ = event.seq;
    notices_.emplace_back(std::move(event));
  }
  return {};
}

Result<> Subscription::take_message(std::string_view body, const system::Stop& stop) {
  const Result<json::Value> value = json::parse(body);
  if (!value) {
    return {};  // whatever it was, the numbers of the next one tell whether it is missed
  }
  if (Result<Event> event = event_from_cloud(*value)) {
    return take_event(std::move(*event), stop);
  }
  const std::string* epoch = value->at("epoch").string();
  if (epoch == nullptr) {
    return {};
  }
  if (*epoch != epoch_) {
    return take_snapshot(stop);
  }
  if (value->at("seq").integer_or(0) > static_cast<std::int64_t>(seq_)) {
    ++replays_;
    return catch_up(stop);
  }
  return {};
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
  return fail(Code::unavailable, "{}: the node has been silent for {} s: {}",
              socket_->bus->endpoint().text(),
              std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() -
                                                               last_heard_)
                  .count(),
              socket_->bus->question());
}

void Subscription::heard() {
  last_heard_ = std::chrono::steady_clock::now();
  check_after_ = std::min(kSuspect, client_->options().silence_limit);
  next_check_ = last_heard_ + check_after_;
}

Result<std::optional<Notice>> Subscription::next(system::Instant until, const system::Stop& stop) {
  for (;;) {
    if (!notices_.empty()) {
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
    const std::optional<std::string> body =
        TRY(socket_->receive(std::min(until, next_check_), stop));
    if (body) {
      heard();
      TRY(take_message(*body, stop));
    } else if (std::chrono::steady_clock::now() >= next_check_) {
      TRY(check(stop));
    }
    if (notices_.empty() && std::chrono::steady_clock::now() >= until) {
      return std::optional<Notice>();
    }
  }
}

}  // namespace drover::messaging
