// Doors: the front's sockets, on this machine and over tcp.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "agent/core/key_role.h"
#include "messaging/front_keys.h"
#include "messaging/record.h"

namespace drover::messaging {

enum class Service { jobs, query, events, streams, admin, agents, clients };

struct Endpoint {
  Service service;
  const char* name;
  Role serves;           ///< the kinds of requests (check_kind); of events none
  KeyRole needs;         ///< of whoever connects over tcp; its name is the ZAP domain
  bool is_local = true;  ///< has a socket in the bus folder besides
};
/// A node's, in the order of their ports.
inline constexpr std::array<Endpoint, 5> kEndpoints = {{
    {Service::jobs, "jobs", Role::submit, KeyRole::submit},
    {Service::query, "query", Role::observe, KeyRole::observe},
    {Service::events, "events", Role::observe, KeyRole::observe},
    // Logs are for observers; what else goes there each message is asked for.
    {Service::streams, "streams", Role::submit, KeyRole::observe},
    {Service::admin, "admin", Role::admin, KeyRole::admin},
}};

struct Door {
  const Endpoint* endpoint = nullptr;
  std::string address;
  std::optional<PublicKey> server;  ///< over tcp: the node's key that it serves with
  zmq::socket_t socket;
};

/// For one thread. `endpoints`, which outlive it, have ports one behind the other. A door that was
/// closed is never opened again: another one with another number takes its address.
class Doors {
 public:
  using Number = std::size_t;

  explicit Doors(zmq::context_t& context, std::span<const Endpoint> endpoints = kEndpoints)
      : context_(context), endpoints_(endpoints) {}

  /// NAME.sock of each endpoint that has one in the folder. Throws what libzmq throws.
  void open_local(const std::filesystem::path& folder);

  /// From now on these are served over tcp, and with no other key: doors of others are closed, and
  /// all their connections with them. `open_wanted` opens what is missing.
  void want(FrontKeys keys);
  /// Closes those of events over tcp: a PUB cannot part with one subscriber alone.
  void close_events();
  /// True when all are open. Else try again after a while: libzmq closes in threads of its own, and
  /// an address is free only then. What stands in the way for longer is logged.
  bool open_wanted();

  /// By all of events.
  void publish(const std::string& topic, const std::string& body);

  const std::map<Number, Door>& all() const { return doors_; }
  /// nullptr when it was closed.
  Door* find(Number number);

 private:
  void open(const Endpoint& endpoint, std::string address, const KeyPair* key);
  void open_tcp(const KeyPair& key, std::uint16_t port);
  std::string address_of(const Endpoint& endpoint, std::uint16_t port) const;
  template <class Which>
  void close_if(const Which& which);

  zmq::context_t& context_;
  std::span<const Endpoint> endpoints_;
  std::map<Number, Door> doors_;
  Number next_ = 0;
  std::optional<FrontKeys> keys_;
  int failures_ = 0;  // in a row
};

}  // namespace drover::messaging
