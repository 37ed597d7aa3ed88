#include "messaging/dispatch/daemon/server.h"

#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "agent/core/wipe.h"
#include "agent/system/log.h"
#include "messaging/dispatch/campaigns/sqlite_store.h"
#include "messaging/dispatch/daemon/etcd_campaigns.h"
#include "messaging/front/request_form.h"
#include "messaging/front/sockets.h"
#include "messaging/front_keys.h"

namespace drover::dispatch {
namespace {

using messaging::Endpoint;
using messaging::first_peer;
using messaging::Service;
using messaging::text_of;

/// In the order of their ports.
constexpr std::array<Endpoint, 3> kEndpoints = {{
    {Service::agents, "agents", messaging::Role::observe, KeyRole::agent, false},
    {Service::clients, "clients", messaging::Role::admin, KeyRole::observe},
    {Service::events, "events", messaging::Role::observe, KeyRole::observe},
}};

constexpr std::size_t kMostClients = 4096;
constexpr std::size_t kMostAgents = 4096;
/// Of a message: routing id, envelope, header, body, data, and one by which it has too many.
constexpr std::size_t kMostFrames = 6;
constexpr std::chrono::milliseconds kFirstPause{5};
constexpr std::chrono::milliseconds kLongestPause{1000};

/// libzmq's own ids are 0 and a number. With one of its choice a peer could get what is meant for
/// another that had it before.
bool is_own_id(std::string_view id) {
  return id.size() == 5 && id.front() == '\0';
}

Moment now() {
  return std::chrono::steady_clock::now();
}

/// The highest role of clients.
std::optional<KeyRole> client_role(const AllowedKey& key) {
  for (const KeyRole role : {KeyRole::admin, KeyRole::submit, KeyRole::observe}) {
    if (key.may(role)) {
      return role;
    }
  }
  return std::nullopt;
}

struct Parts {
  messaging::Header header;
  std::string body;
  std::string data;
};

/// `frames`: header, body and perhaps data; as read_request.
Result<Parts> read_parts(const messaging::Frames& frames, std::uint64_t& rq) {
  messaging::Header header = TRY(messaging::read_request(frames, rq));
  return Parts{std::move(header), std::string(text_of(frames[1])),
               frames.size() == 3 ? std::string(text_of(frames[2])) : std::string()};
}

/// In etcd, when there is one, else in the folder.
Result<std::unique_ptr<CampaignStore>> open_store(const std::string& dispatcher,
                                                  const std::filesystem::path& folder,
                                                  const std::string& etcd) {
  Faults faults;
  const json::Value section = TRY(json::parse(etcd));
  const EtcdConfig config = read_etcd_section(section, "", faults);
  TRY(faults.result("the section \"etcd\""));
  std::unique_ptr<CampaignStore> store;
  if (config.endpoints.empty()) {
    store = TRY(SqliteStore::open(folder / "campaigns.db"));
  } else {
    store = TRY(EtcdCampaigns::make(config, dispatcher));
  }
  return store;
}

}  // namespace

Server::Server(system::UniqueFd pair, system::Clock& clock)
    : pair_(std::move(pair)),
      clock_(clock),
      clients_(kMostClients, first_peer()),
      agents_(kMostAgents, first_peer()),
      context_(1),
      zap_(context_, zmq::socket_type::rep),
      doors_(context_, kEndpoints) {}

Result<std::unique_ptr<Server>> Server::bind(const std::filesystem::path& directory,
                                             system::UniqueFd pair, system::Clock& clock) {
  struct stat found {};
  if (stat(directory.c_str(), &found) != 0) {
    return fail(Code::broken, "look at {}: {}", directory.native(), std::strerror(errno));
  }
  if (!S_ISDIR(found.st_mode) || found.st_uid != geteuid() || (found.st_mode & 077) != 0) {
    return fail(Code::refused, "{} must be a folder of user {} with mode 0700", directory.native(),
                geteuid());
  }
  std::unique_ptr<Server> server(new Server(std::move(pair), clock));
  try {
    server->zap_.bind("inproc://zeromq.zap.01");  // this name is ZAP's
    server->doors_.open_local(directory);
  } catch (const zmq::error_t& error) {
    return fail(Code::broken, "bind the sockets in {}: {}", directory.native(), error.what());
  }
  TRY(server->pair_.send(messaging::Record{{{"kind", "front.ready"}}, {}, {}}));
  TRY(server->pair_.flush());
  return server;
}

std::vector<zmq::pollitem_t> Server::items(system::Loop& loop) {
  std::vector<zmq::pollitem_t> items{{nullptr, loop.fd(), ZMQ_POLLIN, 0},
                                     {zap_.handle(), 0, ZMQ_POLLIN, 0}};
  for (const auto& [number, door] : doors_.all()) {
    items.push_back({const_cast<zmq::socket_t&>(door.socket).handle(), 0, ZMQ_POLLIN, 0});
  }
  return items;
}

void Server::run(system::Loop& loop) {
  loop.watch(pair_.fd(), EPOLLIN, [this, &loop](std::uint32_t) { take_records(loop); });
  tick(loop);
  std::vector<messaging::Doors::Number> numbers;
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
    if (polled.at(1).revents != 0) {
      doorkeeper_.answer_all(zap_);
    }
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      if (polled.at(i + 2).revents != 0) {
        receive(numbers.at(i));
      }
    }
    // Last, so that the ledger has heard whatever came before it looks who is silent.
    loop.turn(system::Duration::zero());
    open_doors(loop);
  }
  loop.unwatch(pair_.fd());
}

void Server::tick(system::Loop& loop) {
  if (dispatcher_) {
    dispatcher_->tick(now());
  }
  loop.after(kHeartbeatEvery, [this, &loop] { tick(loop); });
}

void Server::take_records(system::Loop& loop) {
  Result<std::vector<messaging::Record>> records = pair_.receive();
  if (!records) {
    quit();  // the other process is gone
    return;
  }
  for (messaging::Record& record : *records) {
    const json::Value header(record.header);
    const std::string_view kind = header.at("kind").string_or("");
    if (kind == kSettings && !dispatcher_) {
      take_settings(loop, header, record.body);
    } else if (kind == messaging::kFrontKeys) {
      take_keys(std::move(record));
    }
  }
}

void Server::take_settings(system::Loop& loop, const json::Value& settings,
                           const std::string& etcd) {
  const std::string name(settings.at("name").string_or(""));
  dispatcher_.emplace(name, first_peer(), static_cast<Post&>(*this), clock_);
  Result<std::unique_ptr<CampaignStore>> store =
      open_store(name, settings.at("state_folder").string_or(""), etcd);
  if (!store) {
    system::log_error("no batches and no drains: {}", to_text(store.error()));
    return;
  }
  Errands& errands = dispatcher_->keep(*std::move(store));
  loop.watch(errands.fd(), EPOLLIN, [&errands](std::uint32_t) { errands.deliver(); });
}

void Server::take_keys(messaging::Record record) {
  Result<messaging::FrontKeys> keys = messaging::read_front_keys(record);
  wipe(record.body);
  if (!keys) {
    system::log_error("the keys: {}", keys.error().message);
    return;
  }
  if (doorkeeper_.allow(keys->allowed)) {
    doors_.close_events();
  }
  doors_.want(*std::move(keys));
  has_wanted_ = false;
  open_again_ = kFirstPause;
  forget_revoked();
}

void Server::forget_revoked() {
  const auto is_revoked = [this](const Peers::Peer& peer) {
    const Peers::Address& of = peer.address;
    return doors_.find(of.door) == nullptr ||
           (!of.key.empty() && doorkeeper_.find({of.name, of.key}) == nullptr);
  };
  for (const std::uint64_t client : clients_.forget_if(is_revoked)) {
    dispatcher_->client_gone(client);
  }
  for (const std::uint64_t agent : agents_.forget_if(is_revoked)) {
    dispatcher_->agent_gone(agent);
  }
}

void Server::open_doors(system::Loop& loop) {
  if (has_wanted_ || opening_ || !dispatcher_) {
    return;
  }
  has_wanted_ = doors_.open_wanted();
  if (!has_wanted_) {
    opening_ = true;
    loop.after(open_again_, [this] { opening_ = false; });
    open_again_ = std::min<system::Duration>(open_again_ * 2, kLongestPause);
  }
}

void Server::receive(messaging::Doors::Number number) {
  try {
    for (int count = 0; count < messaging::kMostAtOnce && receive_one(number); ++count) {
    }
  } catch (const zmq::error_t& error) {
    system::log_debug("receive: {}", error.what());
  }
}

/// False when nothing is there.
bool Server::receive_one(messaging::Doors::Number number) {
  messaging::Door* door = doors_.find(number);
  if (door == nullptr || door->endpoint->service == Service::events) {
    return false;
  }
  Frames frames = messaging::next_message(door->socket, kMostFrames);
  if (frames.empty()) {
    return false;
  }
  std::string id(text_of(frames.front()));
  frames.erase(frames.begin());
  if (frames.empty() || !is_own_id(id) || !dispatcher_) {
    return true;
  }
  if (door->endpoint->service == Service::agents) {
    from_agent(number, std::move(id), frames);
  } else {
    from_client(number, std::move(id), frames);
  }
  return true;
}

Result<Asker> Server::asker_of(const Peers::Peer& peer, bool has_key) const {
  if (!has_key) {
    return Asker{peer.number, "", KeyRole::admin};
  }
  const AllowedKey* key = doorkeeper_.find({peer.address.name, peer.address.key});
  const std::optional<KeyRole> role = key == nullptr ? std::nullopt : client_role(*key);
  if (!role) {
    return fail(Code::refused, "this key is not allowed on this dispatcher any more");
  }
  return Asker{peer.number, key->name.str(), *role};
}

void Server::from_client(messaging::Doors::Number number, std::string routing_id, Frames& frames) {
  Peers::Address address{number, std::move(routing_id)};
  const bool has_key = doors_.find(number)->server.has_value();
  if (const auto sender =
          has_key ? messaging::Doorkeeper::sender_of(frames.front()) : std::nullopt) {
    address.name = sender->name;
    address.key = sender->key;
  }
  const Peers::Peer& peer = clients_.meet(address);
  const std::uint64_t client = peer.number;
  std::uint64_t rq = 0;
  const Result<> done = [&]() -> Result<> {
    Parts parts = TRY(read_parts(frames, rq));
    const Asker asker = TRY(asker_of(peer, has_key));
    const AllowedKey* key = doorkeeper_.find({address.name, address.key});
    if (key != nullptr) {
      TRY(messaging::check_may(*key, KeyRole::observe, parts.header.kind, parts.body.size()));
    }
    dispatcher_->asked(asker, parts.header, std::move(parts.body), std::move(parts.data), now());
    return {};
  }();
  if (!done) {
    to_client(client, {messaging::write_header("error", rq), messaging::write_error(done.error())});
  }
}

void Server::from_agent(messaging::Doors::Number number, std::string routing_id, Frames& frames) {
  const auto sender = messaging::Doorkeeper::sender_of(frames.front());
  const AllowedKey* key = sender ? doorkeeper_.find(*sender) : nullptr;
  if (key == nullptr || !key->may(KeyRole::agent)) {
    return;
  }
  const std::uint64_t connection =
      agents_.meet({number, std::move(routing_id), sender->name, sender->key}).number;
  const Result<> done = [&]() -> Result<> {
    const messaging::Envelope envelope = TRY(messaging::read_envelope(text_of(frames.front())));
    frames.erase(frames.begin());
    std::uint64_t rq = 0;
    Parts parts = TRY(read_parts(frames, rq));
    dispatcher_->said(connection, *key, envelope, parts.header, std::move(parts.body),
                      std::move(parts.data), now());
    return {};
  }();
  if (!done) {
    system::log_warning("the agent with key {}: {}", key->name.str(), to_text(done.error()));
  }
}

void Server::to_client(std::uint64_t client, Letter letter) {
  send(clients_, client, nullptr, std::move(letter));
}

bool Server::to_agent(std::uint64_t connection, const messaging::Envelope& envelope,
                      Letter letter) {
  const std::string text = messaging::write_envelope(envelope);
  return send(agents_, connection, &text, std::move(letter));
}

bool Server::send(Peers& peers, std::uint64_t number, const std::string* envelope, Letter letter) {
  const Peers::Peer* to = peers.find(number);
  messaging::Door* door = to == nullptr ? nullptr : doors_.find(to->address.door);
  if (door == nullptr || !to->unread.takes_more()) {
    return false;
  }
  std::vector<zmq::message_t> frames;
  frames.emplace_back(std::string_view(to->address.routing_id));
  if (envelope != nullptr) {
    frames.emplace_back(std::string_view(*envelope));
  }
  frames.push_back(to->unread.frame(std::move(letter.header)));
  frames.push_back(to->unread.frame(std::move(letter.body)));
  if (!letter.data.empty()) {
    frames.push_back(to->unread.frame(std::move(letter.data)));
  }
  try {
    for (std::size_t i = 0; i < frames.size(); ++i) {
      const auto more = i + 1 < frames.size() ? zmq::send_flags::sndmore : zmq::send_flags::none;
      // The routing id alone decides: once that was taken, all that belongs to it is.
      if (!door->socket.send(frames[i], more | zmq::send_flags::dontwait) && i == 0) {
        return false;
      }
    }
  } catch (const zmq::error_t& error) {
    system::log_debug("send: {}", error.what());
    return false;
  }
  return true;
}

void Server::publish(const std::string& topic, const std::string& body) {
  doors_.publish(topic, body);
}

}  // namespace drover::dispatch
