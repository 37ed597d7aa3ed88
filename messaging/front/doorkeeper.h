// Doorkeeper: whose keys come in over tcp, and who of them is still allowed what.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>
#include <zmq.hpp>

#include "agent/core/allow_list.h"
#include "agent/core/key_role.h"
#include "agent/core/result.h"
#include "messaging/front/denials.h"

namespace drover::messaging {

/// A socket's ZAP domain is the name of the role that whoever connects must have. That a client was
/// let in is not enough: it is asked again for each message, because the list may have changed
/// since. For one thread.
class Doorkeeper {
 public:
  /// Who has sent a message, as libzmq's handshake has proven it.
  struct Sender {
    std::string name;       ///< AllowedKey::name, as it was then
    std::string key;        ///< PublicKey's text
    std::string address{};  ///< without the port
  };
  /// Gets whom it denies, no more often than Denials has it.
  using Tell = std::function<void(const KeyDenial&)>;

  explicit Doorkeeper(Tell tell = [](const KeyDenial&) {}) : tell_(std::move(tell)) {}

  /// From now on these. True when somebody who could observe before may not now.
  bool allow(AllowList list);

  /// The frames of an answer to those of a ZAP request (zap_request.h).
  std::vector<std::string> answer(const std::vector<std::string_view>& request);
  /// Answers what has come by libzmq's own socket, some of it at a time. Throws what libzmq throws.
  void answer_all(zmq::socket_t& zap);

  /// Of a message's payload frame: libzmq 4.3.4 has no metadata on the frame with the routing id.
  /// None for what came over a socket without keys, whatever the client says of itself.
  static std::optional<Sender> sender_of(zmq::message_t& payload);
  /// nullptr when the sender is not allowed any more, or its name is another key's now.
  const AllowedKey* find(const Sender& sender) const;
  /// nullptr when no key of this name is allowed.
  const AllowedKey* find_name(std::string_view name) const { return allowed_.find(name); }
  /// Tells of one who is not.
  void look_at(const Sender& sender);

 private:
  void deny(KeyDenial denial);

  AllowList allowed_;
  Tell tell_;
  Denials denials_;
};

/// `refused` when the key has not the role that a message of this kind needs, or may send no body
/// of so many bytes.
Result<> check_may(const AllowedKey& key, KeyRole needed, std::string_view kind, std::size_t body);

}  // namespace drover::messaging
