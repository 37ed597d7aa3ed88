#include "messaging/front/sockets.h"

#include <sys/random.h>

#include <cstdlib>
#include <string>

#include "agent/core/wipe.h"
#include "messaging/record.h"

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

/// Events and answers that may wait for a dispatcher. It makes its ledger anew when it misses some.
constexpr int kLinkQueue = 1000;
/// Between tries to connect to one, at first and at most.
constexpr int kReconnectMs = 100;
constexpr int kMostReconnectMs = 1000;
/// A message of CURVE is this much longer than what is in it, at most (ZeroMQ RFC 26).
constexpr std::int64_t kLinkCurveAround = 256;

void bound(zmq::socket_t& socket, std::int64_t most_frame) {
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::maxmsgsize, most_frame);
  socket.set(zmq::sockopt::sndhwm, kSendQueue);
  socket.set(zmq::sockopt::backlog, kBacklog);
  socket.set(zmq::sockopt::handshake_ivl, kHandshakeMs);
}

/// Over tcp.
void beat(zmq::socket_t& socket) {
  socket.set(zmq::sockopt::heartbeat_ivl, kHeartbeatMs);
  socket.set(zmq::sockopt::heartbeat_timeout, kSilentMs);
  socket.set(zmq::sockopt::heartbeat_ttl, kSilentMs);
  socket.set(zmq::sockopt::ipv6, true);
}

}  // namespace

void seed_routing_ids() {
  unsigned int seed = 0;
  if (getrandom(&seed, sizeof seed, 0) == static_cast<ssize_t>(sizeof seed)) {
    std::srand(seed);
  }
}

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

zmq::socket_t make_dealer(zmq::context_t& context, const PublicKey& server, const KeyPair& own) {
  zmq::socket_t dealer(context, zmq::socket_type::dealer);
  bound(dealer, kLinkCurveAround + static_cast<std::int64_t>(kMostBody));
  dealer.set(zmq::sockopt::sndhwm, kLinkQueue);
  dealer.set(zmq::sockopt::rcvhwm, kReceiveQueue);
  dealer.set(zmq::sockopt::immediate, true);
  dealer.set(zmq::sockopt::reconnect_ivl, kReconnectMs);
  dealer.set(zmq::sockopt::reconnect_ivl_max, kMostReconnectMs);
  dealer.set(zmq::sockopt::curve_serverkey, server.str());
  dealer.set(zmq::sockopt::curve_publickey, own.public_key.str());
  std::string text(own.secret_key.text());
  dealer.set(zmq::sockopt::curve_secretkey, text);
  wipe(text);
  beat(dealer);
  return dealer;
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
  beat(socket);
}

}  // namespace drover::messaging
