#include "messaging/front/front.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "agent/system/log.h"
#include "messaging/front/sockets.h"
#include "messaging/message.h"

namespace drover::messaging {
namespace {

struct Endpoint {
  const char* name;
  Role role;
};
constexpr std::array<Endpoint, 4> kEndpoints = {{{"jobs.sock", Role::submit},
                                                 {"query.sock", Role::observe},
                                                 {"streams.sock", Role::submit},
                                                 {"admin.sock", Role::admin}}};
constexpr const char* kEvents = "events.sock";

constexpr std::size_t kMostPeers = 4096;
/// Bytes that may wait for one client that does not read: twice the credit that a stream may have.
/// What would be more is dropped, as libzmq does with what is beyond its own bound.
constexpr std::size_t kMostUnread = std::size_t{32} << 20;
/// When so much waits for all of them together, a client for which more than its share waits gets
/// no more.
constexpr std::size_t kMostUnreadOfAll = std::size_t{256} << 20;
constexpr std::size_t kShareOfUnread = std::size_t{1} << 20;
constexpr int kRetryAfterMs = 500;

std::string_view text_of(const zmq::message_t& frame) {
  return {static_cast<const char*>(frame.data()), frame.size()};
}

/// Far from any other front's first number, and room above it. An answer of droverd to a client of
/// the front before is then nobody's here.
std::uint64_t first_peer() {
  std::uint64_t number = 0;
  if (getrandom(&number, sizeof number, 0) != static_cast<ssize_t>(sizeof number)) {
    throw std::system_error(errno, std::generic_category(), "getrandom");
  }
  return (number >> 2) + 1;  // within JSON's whole numbers
}

bool takes_more(const Unread& unread) {
  return unread.bytes() < (unread.bytes_of_all() < kMostUnreadOfAll ? kMostUnread : kShareOfUnread);
}

}  // namespace

Front::Front(system::UniqueFd pair)
    : pair_(std::move(pair)), peers_(kMostPeers, first_peer()), context_(1) {}

Result<std::unique_ptr<Front>> Front::bind(const std::filesystem::path& directory,
                                           system::UniqueFd pair) {
  std::unique_ptr<Front> front(new Front(std::move(pair)));
  TRY(front->take_directory(directory));
  try {
    front->open_sockets(directory);
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

void Front::open_sockets(const std::filesystem::path& directory) {
  for (std::size_t i = 0; i < kEndpoints.size(); ++i) {
    routers_.at(i) = make_router(context_, kMostLocalFrame);
    routers_.at(i).bind("ipc://" + (directory / kEndpoints.at(i).name).native());
  }
  events_ = make_publisher(context_);
  events_.bind("ipc://" + (directory / kEvents).native());
}

void Front::run(system::Loop& loop) {
  // One libzmq poll over the sockets and our loop's own epoll, which is level-triggered; a socket's
  // ZMQ_FD would be edge-triggered and lose wake-ups.
  std::vector<zmq::pollitem_t> items;
  for (zmq::socket_t& router : routers_) {
    items.push_back({router.handle(), 0, ZMQ_POLLIN, 0});
  }
  // Never readable, but what subscribers say is taken up as it comes, not with the next event.
  items.push_back({events_.handle(), 0, ZMQ_POLLIN, 0});
  items.push_back({nullptr, loop.fd(), ZMQ_POLLIN, 0});
  watch_pair(loop);
  while (running_) {
    try {
      zmq::poll(items, std::chrono::milliseconds(-1));
    } catch (const zmq::error_t& error) {
      if (error.num() != EINTR) {
        throw;
      }
      continue;
    }
    if (items.back().revents != 0) {
      loop.turn(system::Duration::zero());
    }
    for (std::size_t i = 0; i < routers_.size(); ++i) {
      if (items.at(i).revents != 0) {
        receive_requests(i);
      }
    }
    if (!pair_.flush()) {
      quit();  // droverd is gone
    }
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
  const Peers::Peer* to = peers_.find(static_cast<std::uint64_t>(header.at("peer").integer_or(0)));
  if (to == nullptr) {
    return;
  }
  json::Object more = record.header;
  for (const char* ours : {"kind", "peer", "rq"}) {
    more.erase(ours);
  }
  const auto rq = static_cast<std::uint64_t>(header.at("rq").integer_or(0));
  answer(*to, write_header(kind, rq, more), std::move(record.body), std::move(record.data));
}

void Front::publish(const Record& record) {
  const json::Value* found = record.header.find("topic");
  const std::string topic(found == nullptr ? "" : found->string_or(""));
  // Without DONTWAIT a PUB socket does not block either: what a slow subscriber cannot take is
  // dropped for it alone, and its counters tell it so.
  events_.send(zmq::buffer(topic), zmq::send_flags::sndmore);
  events_.send(zmq::buffer(record.body), zmq::send_flags::none);
}

void Front::receive_requests(std::size_t socket) {
  zmq::socket_t& router = routers_.at(socket);
  for (int count = 0; count < kMostAtOnce; ++count) {
    zmq::message_t id;
    try {
      if (!router.recv(id, zmq::recv_flags::dontwait)) {
        return;
      }
      std::vector<zmq::message_t> frames;
      bool more = id.more();
      while (more) {
        zmq::message_t frame;
        if (!router.recv(frame, zmq::recv_flags::dontwait)) {
          break;
        }
        more = frame.more();
        // Of a message with many parts only so much is kept as shows that it has too many.
        if (frames.size() < 4) {
          frames.push_back(std::move(frame));
        }
      }
      handle(socket, std::string(text_of(id)), frames);
    } catch (const zmq::error_t& error) {
      system::log_debug("receive on {}: {}", kEndpoints.at(socket).name, error.what());
      return;
    }
  }
}

Result<Record> Front::check(std::size_t socket, const std::vector<zmq::message_t>& frames,
                            std::uint64_t& rq) const {
  if (frames.size() != 2 && frames.size() != 3) {
    return fail(Code::invalid, "a request has a header frame and a body frame{}",
                frames.size() < 2 ? "" : ", for streams a third one, and no more");
  }
  const Header header = TRY(read_header(text_of(frames.at(0))));
  rq = header.rq;
  if (frames.at(1).size() > kMostBody) {
    return fail(Code::invalid, "the body has {} bytes; the most is {}", frames.at(1).size(),
                kMostBody);
  }
  if (frames.size() == 3 && frames.at(2).size() > kMostData) {
    return fail(Code::invalid, "the data has {} bytes; the most is {}", frames.at(2).size(),
                kMostData);
  }
  const Role role = kEndpoints.at(socket).role;
  TRY(check_kind(role, header.kind));
  TRY(check_form(header, frames.size() == 3 ? frames.at(2).size() : 0));
  if (header.kind == "job.submit") {
    TRY(schema_.check(text_of(frames.at(1))));
  }
  json::Object known{{"kind", header.kind}, {"role", to_string(role)}, {"rq", header.rq}};
  if (header.kind == kInputData) {
    known.set("offset", *header.all.find("offset"));
  }
  return Record{std::move(known), std::string(text_of(frames.at(1))),
                frames.size() == 3 ? std::string(text_of(frames.at(2))) : std::string()};
}

void Front::handle(std::size_t socket, const std::string& routing_id,
                   const std::vector<zmq::message_t>& frames) {
  const Peers::Peer& peer = peers_.meet({socket, routing_id});
  std::uint64_t rq = 0;
  Result<Record> record = check(socket, frames, rq);
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
  if (!takes_more(to.unread)) {
    return;
  }
  zmq::socket_t& router = routers_.at(to.address.socket);
  // A ROUTER drops what goes to a client that left or does not read; it never waits.
  const auto part = [&](zmq::message_t frame, bool more) {
    router.send(std::move(frame), more ? zmq::send_flags::sndmore | zmq::send_flags::dontwait
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
