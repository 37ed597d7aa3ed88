#include "messaging/front/front.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "agent/core/wipe.h"
#include "agent/system/log.h"
#include "messaging/envelope.h"
#include "messaging/front/sockets.h"
#include "messaging/message.h"

namespace drover::messaging {
namespace {

constexpr std::size_t kMostPeers = 4096;
/// Between tries to open doors, twice as long each time.
constexpr std::chrono::milliseconds kFirstPause{5};
constexpr std::chrono::milliseconds kLongestPause{1000};
constexpr int kRetryAfterMs = 500;
/// Frames of a client's message: one more than it may have, so that it shows.
constexpr std::size_t kMostOfRequest = 5;

}  // namespace

Front::Front(system::UniqueFd pair)
    : pair_(std::move(pair)),
      peers_(kMostPeers, first_peer()),
      doorkeeper_([this](const KeyDenial& denial) {
        // Should it have no room, one is told less.
        [[maybe_unused]] const Result<> told = pair_.send(write_key_denial(denial));
      }),
      context_(1),
      zap_(context_, zmq::socket_type::rep),
      doors_(context_),
      links_({context_, doorkeeper_, schema_, peers_.unread(),
              [this](const Record& record) { return pair_.send(record); }},
             first_peer()) {}

Result<std::unique_ptr<Front>> Front::bind(const std::filesystem::path& directory,
                                           system::UniqueFd pair) {
  std::unique_ptr<Front> front(new Front(std::move(pair)));
  TRY(front->take_directory(directory));
  try {
    front->zap_.bind("inproc://zeromq.zap.01");  // this name is ZAP's
    front->doors_.open_local(directory);
  } catch (const zmq::error_t& error) {
    return fail(Code::broken, "bind the sockets in {}: {}", directory.native(), error.what());
  }
  TRY(front->pair_.send(Record{{{"kind", "front.ready"}}, {}, {}}));
  return front;
}

Result<> Front::take_directory(const std::filesystem::path& directory) {
  struct stat found {};
  if (stat(directory.c_str(), &found) != 0) {
    return fail(Code::broken, "look at {}: {}", directory.native(), std::strerror(errno));
  }
  if (!S_ISDIR(found.st_mode) || found.st_uid != geteuid() || (found.st_mode & 077) != 0) {
    return fail(Code::refused, "{} must be a folder of user {} with mode 0700", directory.native(),
                geteuid());
  }
  // Before anything is bound: libzmq removes the socket of another that lives.
  const std::filesystem::path path = directory / "front.lock";
  lock_.reset(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock_.valid()) {
    return fail(Code::broken, "open {}: {}", path.native(), std::strerror(errno));
  }
  if (flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    return fail(Code::conflict, "another drover-front serves {}", directory.native());
  }
  return {};
}

std::vector<zmq::pollitem_t> Front::items(system::Loop& loop) {
  // One libzmq poll over the sockets and our loop's own epoll, which is level-triggered; a socket's
  // ZMQ_FD would be edge-triggered and lose wake-ups.
  std::vector<zmq::pollitem_t> items{{nullptr, loop.fd(), ZMQ_POLLIN, 0},
                                     {zap_.handle(), 0, ZMQ_POLLIN, 0}};
  for (const auto& [number, door] : doors_.all()) {
    // Those of events are never readable, but what subscribers say is taken up as it comes, not
    // with the next event.
    items.push_back({const_cast<zmq::socket_t&>(door.socket).handle(), 0, ZMQ_POLLIN, 0});
  }
  links_.add_to(items);
  return items;
}

void Front::run(system::Loop& loop) {
  watch_pair(loop);
  std::vector<Doors::Number> numbers;
  while (running_) {
    std::vector<zmq::pollitem_t> polled = items(loop);
    numbers.clear();
    for (const auto& [number, door] : doors_.all()) {
      numbers.push_back(number);
    }
    try {
      zmq::poll(polled, std::chrono::ceil<std::chrono::milliseconds>(
                            loop.until_next_timer(std::chrono::hours(1))));
    } catch (const zmq::error_t& error) {
      if (error.num() != EINTR) {
        throw;
      }
      continue;
    }
    loop.turn(system::Duration::zero());
    if (polled.at(1).revents != 0) {
      doorkeeper_.answer_all(zap_);
    }
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      if (polled.at(i + 2).revents != 0) {
        receive_requests(numbers.at(i));
      }
    }
    links_.serve();
    if (!pair_.flush()) {
      quit();  // droverd is gone
    }
    open_doors(loop);
    watch_pair(loop);
  }
  if (watched_ != 0) {
    loop.unwatch(pair_.fd());
  }
}

void Front::watch_pair(system::Loop& loop) {
  const std::uint32_t wanted = pair_.events();
  if (wanted == watched_) {
    return;
  }
  if (watched_ != 0) {
    loop.unwatch(pair_.fd());
  }
  watched_ = wanted;
  loop.watch(pair_.fd(), wanted, [this](std::uint32_t) { receive_records(); });
}

void Front::receive_records() {
  Result<std::vector<Record>> records = pair_.receive();
  if (!records) {
    if (records.error().code != Code::unavailable) {
      system::log_error("droverd: {}", records.error().message);
    }
    quit();
    return;
  }
  for (Record& record : *records) {
    try {
      deliver(std::move(record));
    } catch (const zmq::error_t& error) {
      // Of one client's connection; the others are served on.
      system::log_debug("deliver an answer: {}", error.what());
    }
  }
}

void Front::deliver(Record record) {
  const json::Value header(record.header);
  const std::string_view kind = header.at("kind").string_or("");
  if (kind == "event") {
    publish(record);
    return;
  }
  if (kind == kFrontKeys) {
    take_keys(std::move(record));
    return;
  }
  if (kind == kNodeHello || kind == kNodeBeat) {
    links_.tell(record);
    return;
  }
  const auto number = static_cast<std::uint64_t>(header.at("peer").integer_or(0));
  json::Object more = record.header;
  for (const char* ours : {"kind", "peer", "rq"}) {
    more.erase(ours);
  }
  const auto rq = static_cast<std::uint64_t>(header.at("rq").integer_or(0));
  const std::string text = write_header(kind, rq, more);
  if (const Peers::Peer* to = peers_.find(number)) {
    answer(*to, text, std::move(record.body), std::move(record.data));
  } else {
    links_.answer(number, text, record.body, record.data);
  }
}

void Front::publish(const Record& record) {
  const json::Value* found = record.header.find("topic");
  const std::string topic(found == nullptr ? "" : found->string_or(""));
  doors_.publish(topic, record.body);
  links_.publish(topic, record.body);
}

void Front::take_keys(Record record) {
  Result<FrontKeys> keys = read_front_keys(record);
  wipe(record.body);
  if (!keys) {
    system::log_error("keys from droverd: {}", keys.error().message);
    return;
  }
  if (doorkeeper_.allow(keys->allowed)) {
    doors_.close_events();
  }
  links_.want(*keys);
  doors_.want(*std::move(keys));
  has_wanted_ = false;
  open_again_ = kFirstPause;
  for (const std::uint64_t number : peers_.forget_if([this](const Peers::Peer& peer) {
         const Peers::Address& of = peer.address;
         return doors_.find(of.door) == nullptr ||
                (!of.key.empty() && doorkeeper_.find({of.name, of.key}) == nullptr);
       })) {
    // Should it have no room, droverd sends what nobody gets, as far as a stream's credit goes.
    [[maybe_unused]] const Result<> told =
        pair_.send(Record{{{"kind", kPeerGone}, {"peer", number}}, {}, {}});
  }
}

void Front::open_doors(system::Loop& loop) {
  if (has_wanted_ || opening_) {
    return;
  }
  has_wanted_ = doors_.open_wanted();
  if (!has_wanted_) {
    opening_ = true;
    loop.after(open_again_, [this] { opening_ = false; });
    open_again_ = std::min<system::Duration>(open_again_ * 2, kLongestPause);
  }
}

void Front::receive_requests(Doors::Number number) {
  for (int count = 0; count < kMostAtOnce; ++count) {
    Door* door = doors_.find(number);
    if (door == nullptr || door->endpoint->service == Service::events) {
      return;
    }
    try {
      Frames frames = next_message(door->socket, kMostOfRequest);
      if (frames.empty()) {
        return;
      }
      Request request{{number, std::string(text_of(frames.front()))}, door->endpoint, {}};
      frames.erase(frames.begin());
      if (!frames.empty()) {
        request.frames = std::move(frames);
        handle(request);
      }
    } catch (const zmq::error_t& error) {
      system::log_debug("receive on {}: {}", door->address, error.what());
      return;
    }
  }
}

Result<> Front::check_sender(const Request& request, std::string_view kind) const {
  if (!doors_.all().at(request.from.door).server) {
    return {};
  }
  const AllowedKey* key = doorkeeper_.find({request.from.name, request.from.key});
  if (key == nullptr) {
    return fail(Code::refused, "this key is not allowed on this node any more");
  }
  return check_may(*key, std::max(request.endpoint->needs, key_role_for(kind)), kind,
                   request.frames.at(1).size());
}

Result<Record> Front::check(Request& request, std::uint64_t& rq) {
  const Header header = TRY(read_request(request.frames, rq));
  // libzmq's own ids are 0 and a number, and nobody has one again. With one of its choice a client
  // could get what is meant for another that had it before.
  if (request.from.routing_id.size() != 5 || request.from.routing_id.front() != '\0') {
    return fail(Code::invalid, "a client must not choose its routing id (ZMQ_ROUTING_ID)");
  }
  const Role role = request.endpoint->serves;
  TRY(check_kind(role, header.kind));
  TRY(check_sender(request, header.kind));
  Record record = TRY(make_record(header, request.frames, role, schema_));
  if (!request.from.name.empty()) {
    record.header.set("key", request.from.name);
  }
  return record;
}

void Front::handle(Request& request) {
  if (doors_.all().at(request.from.door).server) {
    if (const auto sender = Doorkeeper::sender_of(request.frames.front())) {
      request.from.name = sender->name;
      request.from.key = sender->key;
      doorkeeper_.look_at(*sender);
    }
  }
  const Peers::Peer& peer = peers_.meet(request.from);
  std::uint64_t rq = 0;
  Result<Record> record = check(request, rq);
  if (!record) {
    answer(peer, write_header("error", rq), write_error(record.error()));
    return;
  }
  record->header.set("peer", peer.number);
  if (!pair_.send(*record)) {
    answer(peer, write_header("busy", rq),
           json::write(json::Object{{"retry_after_ms", kRetryAfterMs}}));
  }
}

void Front::answer(const Peers::Peer& to, std::string header, std::string body, std::string data) {
  if (!to.unread.takes_more()) {
    return;
  }
  Door* door = doors_.find(to.address.door);
  if (door == nullptr) {
    return;
  }
  // A ROUTER drops what goes to a client that left or does not read; it never waits.
  const auto part = [&](zmq::message_t frame, bool more) {
    door->socket.send(std::move(frame), more ? zmq::send_flags::sndmore | zmq::send_flags::dontwait
                                             : zmq::send_flags::dontwait);
  };
  part(zmq::message_t(to.address.routing_id), true);
  part(to.unread.frame(std::move(header)), true);
  part(to.unread.frame(std::move(body)), !data.empty());
  if (!data.empty()) {
    part(to.unread.frame(std::move(data)), false);
  }
}

}  // namespace drover::messaging
