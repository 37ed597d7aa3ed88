// Front: the sockets of a node, and the way between them and droverd.
#pragma once

#include <array>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>
#include <zmq.hpp>

#include "agent/system/loop.h"
#include "agent/system/unique_fd.h"
#include "messaging/front/job_schema.h"
#include "messaging/front/peers.h"
#include "messaging/pair.h"
#include "messaging/record.h"

namespace drover::messaging {

/// For one thread. Requests go to droverd when their form is right and their kind is served on the
/// socket they came by; everything else is answered here.
class Front {
 public:
  /// Binds jobs.sock, query.sock, streams.sock, admin.sock and events.sock in the directory, which
  /// must belong to this process's user and to nobody else. `conflict` when another front has it.
  static Result<std::unique_ptr<Front>> bind(const std::filesystem::path& directory,
                                             system::UniqueFd pair);

  /// Serves until droverd is gone or `quit`.
  void run(system::Loop& loop);
  void quit() { running_ = false; }

 private:
  explicit Front(system::UniqueFd pair);
  Result<> take_directory(const std::filesystem::path& directory);
  void open_sockets(const std::filesystem::path& directory);

  void watch_pair(system::Loop& loop);
  void receive_records();
  void deliver(Record record);
  void publish(const Record& record);

  void receive_requests(std::size_t socket);
  void handle(std::size_t socket, const std::string& routing_id,
              const std::vector<zmq::message_t>& frames);
  Result<Record> check(std::size_t socket, const std::vector<zmq::message_t>& frames,
                       std::uint64_t& rq) const;
  void answer(const Peers::Peer& to, std::string header, std::string body, std::string data = {});

  system::UniqueFd lock_;
  Pair pair_;
  JobSchema schema_;
  Peers peers_;
  zmq::context_t context_;
  std::array<zmq::socket_t, 4> routers_;
  zmq::socket_t events_;
  std::uint32_t watched_ = 0;  // events of the pair's descriptor
  bool running_ = true;
};

}  // namespace drover::messaging
