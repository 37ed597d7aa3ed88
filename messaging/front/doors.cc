#include "messaging/front/doors.h"

#include <algorithm>
#include <utility>

#include "agent/system/log.h"
#include "messaging/curve/key_pairs.h"
#include "messaging/front/sockets.h"

namespace drover::messaging {
namespace {

/// With so many tries, each after a longer pause, an address is not just about to become free.
constexpr int kFailuresToTell = 9;

/// A message of CURVE is this much longer than what is in it, at most (ZeroMQ RFC 26); ours are of
/// less than that.
constexpr std::int64_t kCurveAround = 256;

std::int64_t most_frame_of(Service service) {
  return kCurveAround +
         static_cast<std::int64_t>(service == Service::streams ? kMostData : kMostBody);
}

zmq::socket_t make(zmq::context_t& context, const Endpoint& endpoint, const KeyPair* key) {
  if (endpoint.service == Service::events) {
    return make_publisher(context);
  }
  return make_router(context, key == nullptr ? kMostLocalFrame : most_frame_of(endpoint.service));
}

}  // namespace

void Doors::open_local(const std::filesystem::path& folder) {
  for (const Endpoint& endpoint : endpoints_) {
    if (!endpoint.is_local) {
      continue;
    }
    open(endpoint, "ipc://" + (folder / endpoint.name).native() + ".sock", nullptr);
  }
}

void Doors::open(const Endpoint& endpoint, std::string address, const KeyPair* key) {
  Door door{&endpoint, std::move(address), {}, make(context_, endpoint, key)};
  if (key != nullptr) {
    serve_with(door.socket, key->secret_key, to_string(endpoint.needs));
    door.server = key->public_key;
  }
  door.socket.bind(door.address);
  doors_.emplace(next_++, std::move(door));
}

template <class Which>
void Doors::close_if(const Which& which) {
  for (auto at = doors_.begin(); at != doors_.end();) {
    if (which(at->second)) {
      at = doors_.erase(at);
    } else {
      ++at;
    }
  }
}

std::string Doors::address_of(const Endpoint& endpoint, std::uint16_t port) const {
  const bool is_v6 = keys_->address.find(':') != std::string::npos;
  return fmt::format("tcp://{}{}{}:{}", is_v6 ? "[" : "", keys_->address, is_v6 ? "]" : "",
                     port + (&endpoint - endpoints_.data()));
}

void Doors::want(FrontKeys keys) {
  keys_ = std::move(keys);
  failures_ = 0;
  close_if([this](const Door& door) {
    if (!door.server) {
      return false;
    }
    const bool with_first = *door.server == keys_->server.public_key &&
                            door.address == address_of(*door.endpoint, keys_->port);
    const bool with_next = keys_->next && *door.server == keys_->next->public_key &&
                           door.address == address_of(*door.endpoint, keys_->next_port);
    return !with_first && !with_next;
  });
}

void Doors::close_events() {
  close_if(
      [](const Door& door) { return door.server && door.endpoint->service == Service::events; });
}

bool Doors::open_wanted() {
  if (!keys_ || keys_->address.empty()) {
    return true;
  }
  try {
    open_tcp(keys_->server, keys_->port);
    if (keys_->next) {
      open_tcp(*keys_->next, keys_->next_port);
    }
  } catch (const zmq::error_t& error) {
    if (++failures_ == kFailuresToTell) {
      system::log_error("serve on {} from port {} on: {}; it is tried on", keys_->address,
                        keys_->port, error.what());
    }
    return false;
  }
  failures_ = 0;
  return true;
}

void Doors::open_tcp(const KeyPair& key, std::uint16_t port) {
  // libzmq takes any secret and only clients would notice: none of them could connect.
  if (!check_pair(key)) {
    system::log_error(
        "the node's key {}: its secret is another key's, so nobody is served with it; make a new "
        "one with `drover keys`",
        key.public_key.str());
    return;
  }
  for (const Endpoint& endpoint : endpoints_) {
    const std::string address = address_of(endpoint, port);
    const bool is_open = std::any_of(doors_.begin(), doors_.end(), [&](const auto& door) {
      return door.second.address == address;
    });
    if (!is_open) {
      open(endpoint, address, &key);
    }
  }
}

void Doors::publish(const std::string& topic, const std::string& body) {
  // Without DONTWAIT a PUB socket does not block either: what a slow subscriber cannot take is
  // dropped for it alone, and its counters tell it so.
  for (auto& [number, door] : doors_) {
    if (door.endpoint->service == Service::events) {
      door.socket.send(zmq::buffer(topic), zmq::send_flags::sndmore);
      door.socket.send(zmq::buffer(body), zmq::send_flags::none);
    }
  }
}

Door* Doors::find(Number number) {
  const auto found = doors_.find(number);
  return found == doors_.end() ? nullptr : &found->second;
}

}  // namespace drover::messaging
