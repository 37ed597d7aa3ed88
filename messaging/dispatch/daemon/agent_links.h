// AgentLinks: by which connection each node is reached, and what its agent tells of it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/allow_list.h"
#include "messaging/dispatch/daemon/post.h"
#include "messaging/dispatch/ledger.h"
#include "messaging/message.h"

namespace drover::dispatch {

/// Bytes of a HELLO, of all its pieces.
inline constexpr std::size_t kMostHello = std::size_t{8} << 20;

/// Keeps the ledger by what agents say without being asked: HELLO, heartbeats and events, which
/// are published as they are. For one thread.
class AgentLinks {
 public:
  struct Handlers {
    std::function<void(const NodeChange&)> changed;
    std::function<void(const std::string& node, const json::Value& event)> event;
  };

  AgentLinks(Ledger& ledger, Post& post, Handlers handlers)
      : ledger_(ledger), post_(post), handlers_(std::move(handlers)) {}

  /// A message that is of no client. `key`: that of the connection. `invalid` or `refused` for what
  /// an agent may not say, which changes nothing.
  Result<> said(std::uint64_t connection, const AllowedKey& key, const messaging::Header& header,
                const std::string& body, Moment now);
  /// "" when the connection speaks for no node.
  const std::string& node_of(std::uint64_t connection) const;
  /// False when its agent is not connected, or does not read.
  bool send(const std::string& node, const messaging::Envelope& envelope, Letter letter);
  /// Nothing will come by it any more.
  void lost(std::uint64_t connection);

 private:
  /// A HELLO that has come in part.
  struct Begun {
    std::int64_t parts = 0;
    std::string text;
  };

  Result<> take_piece(std::uint64_t connection, const AllowedKey& key,
                      const messaging::Header& header, const std::string& body, Moment now);
  Result<> take_hello(std::uint64_t connection, const AllowedKey& key, const json::Value& body,
                      Moment now);
  Result<> take_event(const std::string& node, const AllowedKey& key,
                      const messaging::Header& header, const std::string& body, Moment now,
                      Heard& heard);
  void ask_hello(std::uint64_t connection, Moment now);

  Ledger& ledger_;
  Post& post_;
  Handlers handlers_;
  std::map<std::string, std::uint64_t, std::less<>> connections_;  ///< by node
  std::map<std::uint64_t, std::string> nodes_;                     ///< by connection
  std::map<std::uint64_t, Begun> begun_;                           ///< by connection
  std::map<std::uint64_t, Moment> asked_;  ///< when a connection was asked for its HELLO
};

/// Whether this key's agent may speak for the node: the one that is called as the key is, or, when
/// the key has patterns of names, those that fit them.
bool speaks_for(const AllowedKey& key, std::string_view node);

}  // namespace drover::dispatch
