// Link: the front's connection to one dispatcher.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "agent/core/curve_key.h"
#include "messaging/envelope.h"
#include "messaging/front/request_form.h"
#include "messaging/front/unread.h"

namespace drover::messaging {

/// For one thread. It connects at once, and again by itself whenever it is cut off. Nothing waits
/// for a dispatcher that is not there, and for one that does not read only so much.
class Link {
 public:
  struct Way {
    std::string dispatcher;  ///< the name of its key (AllowedKey::name)
    std::string address;     ///< as libzmq has it: tcp://IP:PORT
    PublicKey server;        ///< the dispatcher's
    PublicKey own;           ///< this node's

    bool operator==(const Way&) const = default;
  };
  enum class Change { up, down };

  /// Throws what libzmq throws. `number`: no other link of the context has it.
  Link(zmq::context_t& context, std::size_t number, Way way, const SecretKey& secret,
       Unread::Count of_all);
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  const Way& way() const { return way_; }
  zmq::socket_t& socket() { return socket_; }
  /// Readable when `changes` has some.
  zmq::socket_t& monitor() { return monitor_; }

  /// What became of the connection since the last call, in order.
  std::vector<Change> changes();

  /// False when it was dropped: nobody is there, or as much waits as may.
  bool send(const Envelope& envelope, std::string header, std::string body, std::string data = {});

  bool is_up = false;         ///< by what `changes` told last
  bool is_told = false;       ///< droverd knows that it is up
  bool is_greeted = false;    ///< a node.hello was sent since it is up
  bool is_owed_hello = true;  ///< droverd was asked for one, or is going to be

 private:
  Way way_;
  zmq::socket_t socket_;
  zmq::socket_t monitor_;
  Unread unread_;
};

}  // namespace drover::messaging
