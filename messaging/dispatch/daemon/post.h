// Post: how the dispatcher's thinking reaches clients, agents and subscribers, whose sockets are
// the server's (server.h).
#pragma once

#include <cstdint>
#include <string>

#include "messaging/envelope.h"

namespace drover::dispatch {

/// What one message is made of behind its routing id and envelope.
struct Letter {
  std::string header;
  std::string body = "{}";
  std::string data = "";
};

/// For the dispatcher's thread. Nothing waits: what cannot be sent now is not sent.
class Post {
 public:
  virtual ~Post() = default;
  virtual void to_client(std::uint64_t client, Letter letter) = 0;
  /// False when the connection is gone, or too much waits for it.
  virtual bool to_agent(std::uint64_t connection, const messaging::Envelope& envelope,
                        Letter letter) = 0;
  virtual void publish(const std::string& topic, const std::string& body) = 0;
};

}  // namespace drover::dispatch
