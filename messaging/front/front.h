// Front: the sockets of a node, and the way between them and droverd.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>
#include <zmq.hpp>

#include "agent/system/loop.h"
#include "agent/system/unique_fd.h"
#include "messaging/front/doorkeeper.h"
#include "messaging/front/doors.h"
#include "messaging/front/job_schema.h"
#include "messaging/front/links.h"
#include "messaging/front/peers.h"
#include "messaging/front/request_form.h"
#include "messaging/pair.h"
#include "messaging/record.h"

namespace drover::messaging {

/// For one thread. Requests go to droverd when their form is right, their kind is served on the
/// socket they came by and, over tcp, their sender may ask for it; everything else is answered
/// here.
class Front {
 public:
  /// Binds jobs.sock, query.sock, streams.sock, admin.sock and events.sock in the directory, which
  /// must belong to this process's user and to nobody else. `conflict` when another front has it.
  /// What is served over tcp droverd says later (front_keys.h), and hears that this is ready when
  /// `run` begins.
  static Result<std::unique_ptr<Front>> bind(const std::filesystem::path& directory,
                                             system::UniqueFd pair);

  /// Serves until droverd is gone or `quit`.
  void run(system::Loop& loop);
  void quit() { running_ = false; }

 private:
  struct Request {
    Peers::Address from;
    const Endpoint* endpoint;
    Frames frames;  // behind the routing id
  };

  explicit Front(system::UniqueFd pair);
  Result<> take_directory(const std::filesystem::path& directory);

  std::vector<zmq::pollitem_t> items(system::Loop& loop);
  void watch_pair(system::Loop& loop);
  void receive_records();
  void deliver(Record record);
  void publish(const Record& record);

  void take_keys(Record record);
  void open_doors(system::Loop& loop);

  void receive_requests(Doors::Number door);
  void handle(Request& request);
  Result<Record> check(Request& request, std::uint64_t& rq);
  Result<> check_sender(const Request& request, std::string_view kind) const;
  void answer(const Peers::Peer& to, std::string header, std::string body, std::string data = {});

  system::UniqueFd lock_;
  Pair pair_;
  JobSchema schema_;
  Peers peers_;
  Doorkeeper doorkeeper_;
  zmq::context_t context_;
  zmq::socket_t zap_;  // libzmq asks here whom to let in
  Doors doors_;
  Links links_;
  bool opening_ = false;    // a timer runs that opens doors
  bool has_wanted_ = true;  // all doors that are wanted are open
  system::Duration open_again_{};
  std::uint32_t watched_ = 0;  // events of the pair's descriptor
  bool running_ = true;
};

}  // namespace drover::messaging
