// Server: the sockets of drover-dispatch. Whatever comes over them is held against the allow list
// and its bounds, and handed to the dispatcher.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "agent/system/loop.h"
#include "agent/system/unique_fd.h"
#include "messaging/dispatch/daemon/dispatcher.h"
#include "messaging/dispatch/daemon/post.h"
#include "messaging/front/doorkeeper.h"
#include "messaging/front/doors.h"
#include "messaging/front/peers.h"
#include "messaging/front/request_form.h"
#include "messaging/pair.h"

namespace drover::dispatch {

/// What the process that holds the keys says first: {"kind","name","state_folder"}, and as body the
/// section "etcd".
inline constexpr std::string_view kSettings = "dispatch.settings";

/// For one thread.
class Server : private Post {
 public:
  /// Binds clients.sock and events.sock in the directory, which must belong to this process's user
  /// and to nobody else. `pair`: to the process that holds the keys, without which nothing is
  /// served over tcp.
  static Result<std::unique_ptr<Server>> bind(const std::filesystem::path& directory,
                                              system::UniqueFd pair, system::Clock& clock);

  /// Serves until the other end of the pair is gone, or `quit`.
  void run(system::Loop& loop);
  void quit() { running_ = false; }

 private:
  using Frames = messaging::Frames;
  using Peers = messaging::Peers;

  Server(system::UniqueFd pair, system::Clock& clock);
  void to_client(std::uint64_t client, Letter letter) override;
  bool to_agent(std::uint64_t connection, const messaging::Envelope& envelope,
                Letter letter) override;
  void publish(const std::string& topic, const std::string& body) override;

  std::vector<zmq::pollitem_t> items(system::Loop& loop);
  void tick(system::Loop& loop);
  void take_records(system::Loop& loop);
  void take_settings(system::Loop& loop, const json::Value& settings, const std::string& etcd);
  void take_keys(messaging::Record record);
  void open_doors(system::Loop& loop);
  void receive(messaging::Doors::Number number);
  bool receive_one(messaging::Doors::Number number);
  void from_client(messaging::Doors::Number door, std::string routing_id, Frames& frames);
  void from_agent(messaging::Doors::Number door, std::string routing_id, Frames& frames);
  Result<Asker> asker_of(const Peers::Peer& peer, bool has_key) const;
  bool send(Peers& peers, std::uint64_t number, const std::string* envelope, Letter letter);
  void forget_revoked();

  messaging::Pair pair_;
  system::Clock& clock_;
  Peers clients_;
  Peers agents_;
  messaging::Doorkeeper doorkeeper_;
  zmq::context_t context_;
  zmq::socket_t zap_;
  messaging::Doors doors_;
  std::optional<Dispatcher> dispatcher_;  ///< once its name was told
  bool opening_ = false;
  bool has_wanted_ = true;
  system::Duration open_again_{};
  bool running_ = true;
};

}  // namespace drover::dispatch
