#include "messaging/front/links.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "agent/core/json.h"
#include "agent/system/log.h"
#include "messaging/curve/key_pairs.h"
#include "messaging/front/sockets.h"

namespace drover::messaging {
namespace {

/// A dispatcher has many clients; of more, the one that was silent longest is forgotten.
constexpr std::size_t kMostLinkPeers = 16'384;
constexpr int kLinkRetryAfterMs = 500;
/// Envelope, header, body, data, and one that shows that there are too many.
constexpr std::size_t kFramesKept = 5;

}  // namespace

Links::Links(Parts parts, std::uint64_t first_peer)
    : parts_(std::move(parts)), peers_(kMostLinkPeers, first_peer) {}

std::string Links::address_of(const DispatchServer& server) {
  const bool is_v6 = server.address.find(':') != std::string::npos;
  return fmt::format("tcp://{}{}{}:{}", is_v6 ? "[" : "", server.address, is_v6 ? "]" : "",
                     server.port);
}

void Links::want(const FrontKeys& keys) {
  std::vector<Link::Way> wanted;
  // libzmq takes any secret; Doors says that this one is another key's.
  if (check_pair(keys.server)) {
    for (const DispatchServer& server : keys.servers) {
      const AllowedKey* key = parts_.doorkeeper.find_name(server.key);
      if (key == nullptr || !key->may(KeyRole::dispatch)) {
        system::log_warning(
            "dispatcher {} ({}) is not connected to: this node's allow list has no key of that "
            "name with the role dispatch; see drover keys allow",
            server.key, address_of(server));
        continue;
      }
      wanted.push_back({server.key, address_of(server), key->key, keys.server.public_key});
    }
  }
  close_others(wanted);
  for (Link::Way& way : wanted) {
    open(std::move(way), keys.server.secret_key);
  }
  forget_if([this](const Peers::Peer& peer) {
    const AllowedKey* key = parts_.doorkeeper.find_name(peer.address.name);
    return key == nullptr || !key->may(KeyRole::observe);
  });
}

void Links::close_others(const std::vector<Link::Way>& wanted) {
  for (auto at = links_.begin(); at != links_.end();) {
    Link& link = *at->second;
    if (std::find(wanted.begin(), wanted.end(), link.way()) != wanted.end()) {
      ++at;
      continue;
    }
    system::log_info("dispatcher {} ({}): cut off", link.way().dispatcher, link.way().address);
    const Number number = at->first;
    link.is_up = false;
    tell_core(number, link);
    at = links_.erase(at);
    forget_if([number](const Peers::Peer& peer) { return peer.address.door == number; });
  }
}

void Links::open(Link::Way way, const SecretKey& secret) {
  const bool is_open = std::any_of(links_.begin(), links_.end(),
                                   [&](const auto& link) { return link.second->way() == way; });
  if (is_open) {
    return;
  }
  const std::string told = fmt::format("dispatcher {} ({})", way.dispatcher, way.address);
  try {
    const Number number = next_++;
    links_.emplace(number, std::make_unique<Link>(parts_.context, number, std::move(way), secret,
                                                  parts_.unread));
  } catch (const zmq::error_t& error) {
    system::log_error("{} cannot be connected to: {}", told, error.what());
  }
}

void Links::forget_if(const std::function<bool(const Peers::Peer&)>& which) {
  for (const std::uint64_t number : peers_.forget_if(which)) {
    // Should it have no room, droverd sends what nobody gets, as far as a stream's credit goes.
    [[maybe_unused]] const Result<> told =
        parts_.to_core(Record{{{"kind", kPeerGone}, {"peer", number}}, {}, {}});
  }
}

void Links::add_to(std::vector<zmq::pollitem_t>& items) {
  for (const auto& [number, link] : links_) {
    items.push_back({link->socket().handle(), 0, ZMQ_POLLIN, 0});
    items.push_back({link->monitor().handle(), 0, ZMQ_POLLIN, 0});
  }
}

void Links::serve() {
  for (const auto& [number, link] : links_) {
    try {
      note_changes(number, *link);
      for (int count = 0; count < kMostAtOnce; ++count) {
        Frames frames = next_message(link->socket(), kFramesKept);
        if (frames.empty()) {
          break;
        }
        handle(number, *link, std::move(frames));
      }
    } catch (const zmq::error_t& error) {
      system::log_debug("dispatcher {}: {}", link->way().dispatcher, error.what());
    }
  }
}

void Links::note_changes(Number number, Link& link) {
  for (const Link::Change change : link.changes()) {
    const bool was_up = std::exchange(link.is_up, change == Link::Change::up);
    if (link.is_up) {
      link.is_greeted = false;
      link.is_owed_hello = true;
    }
    if (link.is_up == was_up) {
      continue;
    }
    system::log_info("dispatcher {} ({}) is {}", link.way().dispatcher, link.way().address,
                     link.is_up ? "connected" : "gone");
    if (was_up) {
      // Told even if it is up again by now: this one connection's clients hear nothing more.
      forget_if([number](const Peers::Peer& peer) { return peer.address.door == number; });
      if (std::exchange(link.is_told, false)) {
        [[maybe_unused]] const Result<> told =
            parts_.to_core(Record{{{"kind", kLinkDown}, {"link", number}}, {}, {}});
      }
    }
  }
  tell_core(number, link);
}

void Links::tell_core(Number number, Link& link) {
  if (link.is_told == link.is_up) {
    return;
  }
  // What finds no room is told with the next turn.
  if (parts_.to_core(
          Record{{{"kind", link.is_up ? kLinkUp : kLinkDown}, {"link", number}}, {}, {}})) {
    link.is_told = link.is_up;
  }
}

void Links::handle(Number number, Link& link, Frames frames) {
  const Result<Envelope> envelope = read_envelope(text_of(frames.front()));
  if (!envelope || frames.size() < 2) {
    system::log_debug("dispatcher {}: what it says is no message", link.way().dispatcher);
    return;
  }
  frames.erase(frames.begin());
  const Result<Header> header = read_header(text_of(frames.front()));
  if (!envelope->client) {
    handle_own(number, link, header ? std::string_view(header->kind) : "");
    return;
  }
  const std::string client = std::to_string(*envelope->client);
  if (header && header->kind == kPeerGone) {
    forget_if([&](const Peers::Peer& peer) {
      return peer.address.door == number && peer.address.routing_id == client;
    });
    return;
  }
  std::uint64_t rq = 0;
  Result<Record> record = check(link, *envelope, frames, rq);
  if (!record) {
    link.send({envelope->client, {}, {}}, write_header("error", rq), write_error(record.error()));
    return;
  }
  // Only of those who are let in is a number remembered.
  const Peers::Peer& peer =
      peers_.meet({number, client, std::string(record->header.find("key")->string_or(""))});
  record->header.set("peer", peer.number);
  if (!parts_.to_core(*record)) {
    link.send({envelope->client, {}, {}}, write_header("busy", rq),
              json::write(json::Object{{"retry_after_ms", kLinkRetryAfterMs}}));
  }
}

void Links::handle_own(Number number, Link& link, std::string_view kind) {
  if (kind != kHelloPlease) {
    system::log_debug("dispatcher {}: there is no kind \"{}\"", link.way().dispatcher, kind);
    return;
  }
  // Each costs droverd a look at all that there is: one at a time. Without room for the question
  // the dispatcher asks again.
  if (!link.is_owed_hello) {
    link.is_owed_hello =
        parts_.to_core(Record{{{"kind", kHelloPlease}, {"link", number}}, {}, {}}).has_value();
  }
}

Result<Record> Links::check(const Link& link, const Envelope& envelope, const Frames& frames,
                            std::uint64_t& rq) const {
  const Header header = TRY(read_request(frames, rq));
  TRY(check_kind(Role::admin, header.kind));
  const std::string& dispatcher = link.way().dispatcher;
  if (!envelope.role) {
    return fail(Code::invalid, "dispatcher {} does not say which role it asks with", dispatcher);
  }
  const std::string& name = envelope.sender.empty() ? dispatcher : envelope.sender;
  const AllowedKey* key = parts_.doorkeeper.find_name(name);
  if (key == nullptr) {
    return fail(Code::refused,
                "key \"{}\" is not allowed on this node; its owner may come by a dispatcher once "
                "drover keys allow has it here, too",
                name);
  }
  const KeyRole needed = key_role_for(header.kind);
  if (!allows({*envelope.role}, needed)) {
    return fail(Code::refused, "kind \"{}\": key {} has not the role {} at dispatcher {}",
                header.kind, name, to_string(needed), dispatcher);
  }
  TRY(check_may(*key, needed, header.kind, frames.at(1).size()));
  Record record = TRY(make_record(header, frames, Role::admin, parts_.schema));
  record.header.set("key", name);
  record.header.set("via", dispatcher);
  record.header.set("within", to_string(*envelope.role));
  if (!envelope.sender.empty()) {
    record.header.set("for", envelope.sender);
  }
  return record;
}

bool Links::answer(std::uint64_t peer, const std::string& header, const std::string& body,
                   const std::string& data) {
  const Peers::Peer* to = peers_.find(peer);
  if (to == nullptr) {
    return false;
  }
  if (const auto found = links_.find(to->address.door); found != links_.end()) {
    found->second->send({std::stoull(to->address.routing_id), {}, {}}, header, body, data);
  }
  return true;
}

void Links::publish(const std::string& topic, const std::string& body) {
  if (links_.empty()) {
    return;
  }
  const std::string header = write_header(kEvent, 0, {{"topic", topic}});
  for (const auto& [number, link] : links_) {
    // What was before is in the HELLO.
    if (link->is_greeted) {
      link->send({}, header, body);
    }
  }
}

void Links::tell(const Record& record) {
  const json::Value header(record.header);
  const std::string_view kind = header.at("kind").string_or("");
  json::Object more = record.header;
  more.erase("kind");
  more.erase("link");
  const std::string text = write_header(kind, 0, more);
  if (kind == kNodeBeat) {
    for (const auto& [number, link] : links_) {
      if (link->is_greeted) {
        link->send({}, text, record.body);
      }
    }
    return;
  }
  const auto found = links_.find(static_cast<Number>(header.at("link").integer_or(0)));
  if (found == links_.end()) {
    return;
  }
  Link& link = *found->second;
  link.send({}, text, record.body);
  if (more.find("more") == nullptr) {
    link.is_greeted = true;
    link.is_owed_hello = false;
  }
}

}  // namespace drover::messaging
