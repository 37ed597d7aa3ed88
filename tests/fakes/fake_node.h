// FakeNode: a node's sockets in a temporary folder, with state behind them and faults on demand.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <zmq.hpp>

#include "agent/core/curve_key.h"
#include "agent/system/inbox.h"
#include "agent/system/stop.h"
#include "fakes/fake_state.h"
#include "fakes/temp_folder.h"

namespace drover::fakes {

/// Serves on a thread of its own from construction to destruction. The faults and the state may be
/// touched from the test's thread through `call` only.
class FakeNode {
 public:
  struct Faults {
    int drop = 0;          ///< this many requests are not answered nor acted on
    int drop_answers = 0;  ///< acted on, not answered
    int busy = 0;
    int garble = 0;                 ///< answered by what is no JSON
    int strange = 0;                ///< answered by one frame only
    int lose_events = 0;            ///< numbered and kept, not published
    bool beacons = true;            ///< every 20 ms
    std::size_t chunk = 8;          ///< bytes of a stream's message
    std::size_t unreadable_at = 0;  ///< a log cannot be read from this byte on; 0: it can
    std::size_t break_at =
        0;                    ///< the stream socket is made anew before this byte is sent; 0: never
    std::size_t skip_at = 0;  ///< a chunk from this byte on is lost once; 0: none
    std::size_t begins = 0;  ///< the bytes of a guest's log before this one are gone; 0: no guest's
    std::size_t lose_input_at = 0;   ///< a chunk of input from this byte on is lost once; 0: none
    std::size_t break_input_at = 0;  ///< the stream socket is made anew before this one is taken
    bool doubt_input = false;        ///< how much was read is not known any more
    std::size_t window = 64;         ///< of an input
    std::string not_written;         ///< the log of this container or job does not exist yet
    std::set<std::string> allowed;   ///< public keys that are let in over tcp
  };

  explicit FakeNode(const std::string& name = "fake");
  ~FakeNode();
  FakeNode(const FakeNode&) = delete;
  FakeNode& operator=(const FakeNode&) = delete;

  const std::filesystem::path& bus() const { return bus_.path(); }

  /// Runs `act` on the node's thread and waits for it.
  void call(const std::function<void(FakeState&, Faults&)>& act);
  /// Serves also on ports of 127.0.0.1, by CURVE, with this key. Returns the first of the ports,
  /// that of jobs.
  std::uint16_t serve_tcp(const KeyPair& own);
  /// How often somebody was not let in. On the node's thread.
  int refused() const { return refused_; }

  /// How many requests of this kind came, dropped ones included.
  std::size_t count(const std::string& kind);

 private:
  struct Peer {
    std::string identity;
    std::uint64_t rq = 0;
  };
  struct Stream {
    Peer peer;
    json::Value body;
    std::size_t offset = 0;
    std::size_t credit = 0;
  };
  struct Input {
    json::Value program;
    std::size_t taken = 0;
    bool finished = false;
  };

  void serve();
  void take(zmq::socket_t& socket);
  void handle(zmq::socket_t& socket, const Peer& peer, const std::string& kind,
              const std::string& body, std::size_t offset, const std::string& data);
  void handle_input(const Peer& peer, const std::string& kind, const json::Value& body,
                    std::size_t offset, const std::string& data);
  void open_input(const Peer& peer, const json::Value& body);
  void end_inputs();
  void handle_stream(const Peer& peer, const std::string& kind, const json::Value& body);
  void answer(zmq::socket_t& socket, const Peer& peer, const std::string& kind,
              const std::string& body);
  void publish(const Event& event);
  void beacon();
  void pump();
  bool pump_one(Stream& stream);
  bool bind_tcp(const KeyPair& own, std::uint16_t first);
  void admit();
  void bind_streams();
  void make_streams_anew();
  std::string streams_address() const;

  TempFolder bus_;
  zmq::context_t context_;
  zmq::socket_t jobs_{context_, zmq::socket_type::router};
  zmq::socket_t queries_{context_, zmq::socket_type::router};
  zmq::socket_t streams_{context_, zmq::socket_type::router};
  zmq::socket_t events_{context_, zmq::socket_type::pub};
  zmq::socket_t doorkeeper_{context_, zmq::socket_type::rep};  // of ZAP
  FakeState state_;
  Faults faults_;
  std::map<std::string, std::size_t> counts_;
  int ended_streams_ = 0;
  int refused_ = 0;
  std::map<std::pair<std::string, std::uint64_t>, Stream> open_streams_;
  std::map<std::string, Input> inputs_;                                       // by session
  std::map<std::pair<std::string, std::uint64_t>, std::string> open_inputs_;  // their sessions
  system::Stop stop_;
  system::Inbox<std::function<void()>> calls_;
  std::thread thread_;
};

}  // namespace drover::fakes
