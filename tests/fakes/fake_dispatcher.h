// FakeDispatcher: a cluster's dispatcher, with fake nodes behind it, real sockets and a placement
// by the rules of messaging/dispatch.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <tuple>
#include <vector>
#include <zmq.hpp>

#include "agent/core/curve_key.h"
#include "agent/system/inbox.h"
#include "agent/system/stop.h"
#include "fakes/fake_node.h"
#include "fakes/temp_folder.h"
#include "messaging/dispatch/batch.h"
#include "messaging/dispatch/placement.h"
#include "messaging/message.h"

namespace drover::fakes {

/// Serves on a thread of its own from construction to destruction, which is how it dies. The nodes
/// must outlive it; several may have the same ones.
class FakeDispatcher {
 public:
  struct State {
    std::map<std::string, dispatch::NodeFacts> facts{};  ///< by node: what placement knows
    std::set<std::string> dead{};                        ///< nodes that it hears nothing of
    std::set<std::string> allowed{};                     ///< public keys that are let in over tcp
    bool mute = false;                      ///< hands on what it is sent, and no answer
    int lose_events = 0;                    ///< beacons come
    std::vector<json::Object> submitted{};  ///< the headers of job.submit
    std::map<std::string, int> counts{};    ///< of requests, by kind
    std::map<std::string, dispatch::Batch> batches{};
    std::map<std::string, json::Value> batch_jobs{};  ///< by job
  };

  explicit FakeDispatcher(std::vector<FakeNode*> nodes);
  ~FakeDispatcher();
  FakeDispatcher(const FakeDispatcher&) = delete;
  FakeDispatcher& operator=(const FakeDispatcher&) = delete;

  const std::filesystem::path& bus() const { return bus_.path(); }
  /// Runs `act` on the dispatcher's thread and waits for it.
  void call(const std::function<void(State&)>& act);
  int count(const std::string& kind);
  /// Serves also on 127.0.0.1, by CURVE, with this key. Returns the first port, that of agents.
  std::uint16_t serve_tcp(const KeyPair& own);

 private:
  struct Request {
    std::string client;
    std::string header_text;
    messaging::Header header;
    std::string body;
    std::string data;
  };
  struct Backend {
    std::string client;
    std::string node;
    zmq::socket_t socket;
  };

  void serve();
  void take_requests();
  void handle(const Request& request);
  void handle_own(const Request& request);
  Result<json::Value> own_answer(const std::string& kind, const json::Value& body);
  Result<json::Value> plan_of(const json::Value& body);
  Result<json::Value> batch_answer(const std::string& kind, const json::Value& body);
  void drive(dispatch::Batch& batch);
  json::Array nodes_view() const;
  json::Array places_of(const std::string& id);
  json::Array containers_view();
  Result<std::string> place(const Request& request);
  void forward(const Request& request, const std::string& node);
  void take_answers(Backend& backend);
  void pass_events(const std::string& node, zmq::socket_t& socket);
  void answer(const Request& request, const std::string& kind, const std::string& body,
              const std::string& node = "");
  void refuse(const Request& request, const Error& error, const std::string& node = "");
  bool bind_tcp(const KeyPair& own, std::uint16_t first);
  void admit();
  dispatch::Candidates candidates();

  TempFolder bus_;
  std::map<std::string, FakeNode*> nodes_;
  zmq::context_t context_;
  zmq::socket_t clients_{context_, zmq::socket_type::router};
  zmq::socket_t events_{context_, zmq::socket_type::pub};
  zmq::socket_t doorkeeper_{context_, zmq::socket_type::rep};  // of ZAP
  std::map<std::string, zmq::socket_t> heard_;                 // of each node's events
  std::map<std::tuple<std::string, std::string, std::string>, Backend> backends_;
  State state_;
  system::Stop stop_;
  system::Inbox<std::function<void()>> calls_;
  std::thread thread_;
};

}  // namespace drover::fakes
