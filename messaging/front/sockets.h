// What the front's sockets have in common: bounds, so that no client costs more than it may.
#pragma once

#include <cstdint>
#include <string_view>
#include <zmq.hpp>

#include "agent/core/curve_key.h"

namespace drover::messaging {

/// The sockets in the bus folder are for root on this machine only. A frame beyond what a request
/// may have is taken up to this size nevertheless, so that whoever sent it is told; beyond this
/// libzmq hangs up.
inline constexpr std::int64_t kMostLocalFrame = (std::int64_t{64} << 20) + 4096;
/// Of one socket at a time, so that no client keeps the others waiting.
inline constexpr int kMostAtOnce = 64;

/// libzmq takes the ids of its peers from rand(3): unseeded they are the same after every start,
/// and an answer for a client of the last process would reach one of this.
void seed_routing_ids();
/// A ROUTER with every bound, not bound to an address yet. `most_frame`: bytes of a frame beyond
/// which libzmq hangs up; it counts no frames.
zmq::socket_t make_router(zmq::context_t& context, std::int64_t most_frame);
/// A PUB, the same.
zmq::socket_t make_publisher(zmq::context_t& context);
/// A DEALER that connects to a dispatcher as its client, with every bound, not connected yet. What
/// is sent while nobody is there is not kept.
zmq::socket_t make_dealer(zmq::context_t& context, const PublicKey& server, const KeyPair& own);
/// Whoever comes over an address that is bound after this must have a key, and be let in by ZAP.
void serve_with(zmq::socket_t& socket, const SecretKey& secret, std::string_view domain);

}  // namespace drover::messaging
