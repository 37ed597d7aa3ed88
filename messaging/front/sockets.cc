#include "messaging/front/sockets.h"

#include <string>

#include "agent/core/wipe.h"

namespace drover::messaging {
namespace {

/// Messages that may wait for one client; their bytes are bounded besides (unread.h).
constexpr int kSendQueue = 10'000;
/// Messages that libzmq holds for each client before it reads no more of its: one round's worth.
/// With a quarter of a MiB each, more would be memory and nothing else.
constexpr int kReceiveQueue = kMostAtOnce;
/// A subscription's topic is a name or three.
constexpr std::int64_t kMostTopic = 4096;
/// Connections that the kernel keeps until they are accepted: as many as net.core.somaxconn allows.
constexpr int kBacklog = 4096;
/// Whoever has not said within this time what it speaks is hung up on, and its memory free again.
constexpr int kHandshakeMs = 3000;

/// Only so that connections whose other end is gone without a word are closed; how a node is, is
/// found out sooner by other means. A message of 16 MiB over a slow line may take as long.
constexpr int kHeartbeatMs = 5000;
constexpr int kSilentMs = 15'000;

void bound(zmq::socket_t& socket, std::int64_t most_frame) {
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::maxmsgsize, most_frame);
  socket.set(zmq::sockopt::sndhwm, kSendQueue);
  socket.set(zmq::sockopt::backlog, kBacklog);
  socket.set(zmq::sockopt::handshake_ivl, kHandshakeMs);
}

}  // namespace

zmq::socket_t make_router(zmq::context_t& context, std::int64_t most_frame) {
  zmq::socket_t router(context, zmq::socket_type::router);
  bound(router, most_frame);
  router.set(zmq::sockopt::rcvhwm, kReceiveQueue);
  return router;
}

zmq::socket_t make_publisher(zmq::context_t& context) {
  zmq::socket_t publisher(context, zmq::socket_type::pub);
  bound(publisher, kMostTopic);
  return publisher;
}

void serve_with(zmq::socket_t& socket, const SecretKey& secret, std::string_view domain) {
  std::string text(secret.text());
  socket.set(zmq::sockopt::curve_server, true);
  socket.set(zmq::sockopt::curve_secretkey, text);
  wipe(text);
  socket.set(zmq::sockopt::zap_domain, domain);
  // Without it libzmq lets everybody in while nobody answers its questions. Its header has the
  // option among drafts; the library that Debian builds without them takes it nevertheless.
  constexpr int kEnforceDomain = 93;
  constexpr int kOn = 1;
  if (zmq_setsockopt(socket.handle(), kEnforceDomain, &kOn, sizeof kOn) != 0) {
    throw zmq::error_t();
  }
  socket.set(zmq::sockopt::heartbeat_ivl, kHeartbeatMs);
  socket.set(zmq::sockopt::heartbeat_timeout, kSilentMs);
  socket.set(zmq::sockopt::heartbeat_ttl, kSilentMs);
  socket.set(zmq::sockopt::ipv6, true);
}

}  // namespace drover::messaging
