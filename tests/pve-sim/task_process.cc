// The process of one task.
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "agent/system/file.h"
#include "agent/system/process.h"
#include "agent/system/signals.h"
#include "tests/pve-sim/clone_task.h"
#include "tests/pve-sim/guest_tasks.h"

namespace drover::pve_sim {

int run_task(const Place& place, const path& request_file) {
  const system::Signals signals({SIGTERM, SIGINT});
  const Result<std::string> text = system::read_file(request_file);
  const Result<json::Value> parsed = text ? json::parse(*text) : Result<json::Value>(nullptr);
  const Result<std::uint64_t> start = system::start_time_of(getpid());
  if (!parsed || !start || parsed->object() == nullptr) {
    return 1;
  }
  (void)system::remove_tree(request_file).has_value();
  const TaskRequest request{
      std::string(parsed->at("type").string_or("")), std::string(parsed->at("id").string_or("")),
      *parsed->at("details").object(), std::string(parsed->at("fault").string_or(""))};
  const std::string upid =
      to_text(Upid{place.node, getpid(), *start, parsed->at("start_time").integer_or(0),
                   request.type, request.id, std::string(parsed->at("user").string_or(""))});
  const TaskLog log(place.tasks() / (upid + ".log"));

  system::Stop stop;
  system::Stop done;
  std::thread watcher([&] {
    std::array<pollfd, 2> waits{pollfd{signals.fd(), POLLIN, 0}, pollfd{done.fd(), POLLIN, 0}};
    while (poll(waits.data(), waits.size(), -1) < 0) {
    }
    if (waits[0].revents != 0) {
      stop.request();
    }
  });
  const std::string fault = message_of(request.fault, request.id);
  const Result<> outcome = fault.empty() ? do_task(place, request, log, stop)
                                         : Result<>(fail(Code::broken, "{}", fault));
  if (!fault.empty() && (request.type == "vzcreate" || request.type == "vzrestore")) {
    // As Proxmox does: the number it has reserved is free again.
    (void)destroy_guest(place, request.id).has_value();
  }
  if (!fault.empty() && request.type == "vzclone") {
    drop_copy(place, request);
  }
  done.request();
  watcher.join();
  std::string exit_status = outcome ? "OK" : outcome.error().message;
  if (outcome && request.fault == "warnings") {
    log.line("WARN: something is not as it should be");
    exit_status = "WARNINGS: 1";
  }
  if (!outcome && stop.requested() && !exit_status.ends_with("received interrupt")) {
    exit_status += ": received interrupt";
  }
  log.line(outcome ? "TASK " + exit_status : "TASK ERROR: " + exit_status);
  (void)system::write_atomically(place.tasks() / (upid + ".status"), exit_status).has_value();
  return outcome ? 0 : 1;
}

}  // namespace drover::pve_sim
