// The fake node over tcp: CURVE of libzmq's own, and who is let in (ZAP, ZeroMQ RFC 27).
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <random>

#include "fakes/fake_node.h"

namespace drover::fakes {
namespace {

std::string z85_of(const zmq::message_t& key) {
  std::array<char, kKeyText + 1> text{};
  if (key.size() != kKeyBytes ||
      zmq_z85_encode(text.data(), key.data<std::uint8_t>(), key.size()) == nullptr) {
    return "";
  }
  return text.data();
}

}  // namespace

std::uint16_t FakeNode::serve_tcp(const KeyPair& own) {
  std::random_device random;
  std::uint16_t first = 0;
  call([&](FakeState&, Faults&) {
    for (int tries = 0; first == 0 && tries < 100; ++tries) {
      const auto port = static_cast<std::uint16_t>(20'000 + random() % 40'000);
      first = bind_tcp(own, port) ? port : 0;
    }
  });
  EXPECT_NE(first, 0) << "no four free ports";
  return first;
}

/// False when one of them is somebody else's.
bool FakeNode::bind_tcp(const KeyPair& own, std::uint16_t first) {
  const std::array<zmq::socket_t*, 4> sockets = {&jobs_, &queries_, &events_, &streams_};
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    zmq::socket_t& socket = *sockets.at(i);
    // What is bound takes the options that the socket has then: the folder's stays without keys.
    socket.set(zmq::sockopt::curve_server, true);
    socket.set(zmq::sockopt::curve_secretkey, std::string(own.secret_key.text()));
    socket.set(zmq::sockopt::zap_domain, "fake");
    try {
      socket.bind(fmt::format("tcp://127.0.0.1:{}", first + i));
    } catch (const zmq::error_t&) {
      for (std::size_t bound = 0; bound < i; ++bound) {
        sockets.at(bound)->unbind(fmt::format("tcp://127.0.0.1:{}", first + bound));
      }
      return false;
    }
  }
  return true;
}

void FakeNode::admit() {
  for (;;) {
    // version, number, domain, address, identity, mechanism, key
    std::vector<zmq::message_t> frames;
    for (bool more = true; more;) {
      zmq::message_t frame;
      if (!doorkeeper_.recv(frame, zmq::recv_flags::dontwait)) {
        return;
      }
      more = frame.more();
      frames.push_back(std::move(frame));
    }
    constexpr std::size_t kFrames = 7;
    const std::string key = frames.size() == kFrames ? z85_of(frames[kFrames - 1]) : "";
    // 300 and not 400: the client tries again by itself.
    const bool is_allowed = faults_.allowed.contains(key);
    refused_ += is_allowed ? 0 : 1;
    const char* status = is_allowed ? "200" : "300";
    doorkeeper_.send(zmq::str_buffer("1.0"), zmq::send_flags::sndmore);
    doorkeeper_.send(frames.at(1), zmq::send_flags::sndmore);
    for (const std::string& text : {std::string(status), std::string(), key}) {
      doorkeeper_.send(zmq::buffer(text), zmq::send_flags::sndmore);
    }
    doorkeeper_.send(zmq::const_buffer(), zmq::send_flags::none);
  }
}

}  // namespace drover::fakes
