// FakeState: what a fake node has and how its jobs change it. Its containers run no program; they
// act out a script of the words
//   echo TEXT    a line on stdout          warn TEXT   a line on stderr
//   exit N       ends with N               sleep       runs until it is stopped
//   stuck        the job that makes it stays in its first step until it is cancelled
//   cat          prints what it reads, until the end of its input or a Ctrl-D
// put together by ';', as in  sh -c "echo hello; exit 7".
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "agent/core/container_status.h"
#include "agent/core/event.h"
#include "agent/core/event_filter.h"
#include "agent/core/job.h"

namespace drover::fakes {

struct FakeContainer {
  std::string runtime;
  Status status = Status::creating;
  std::string job;
  json::Value spec;
  std::string log;
  std::optional<Exit> exit;
  bool restarting = false;  ///< its restart policy starts it again when it has stopped
};

struct FakeJob {
  JobRequest request;
  JobState state = JobState::running;
  json::Value result;  ///< or the error
  json::Array steps;
  std::string log;
};

/// One thread.
class FakeState {
 public:
  explicit FakeState(std::function<void(const Event&)> publish) : publish_(std::move(publish)) {}

  /// The JOB, with "duplicate".
  Result<json::Value> submit(const json::Value& body);
  Result<json::Value> query(std::string_view kind, const json::Value& body);
  /// The log of {"of", "name"|"id"} and whether it may still grow.
  Result<std::pair<std::string, bool>> log(const json::Value& body) const;

  void tell(std::string kind, std::string object, std::string what, std::string job,
            json::Object data);
  /// The container's program ends.
  void finish(const std::string& name, int code);
  /// Its restart policy has started it again.
  void set_running(const std::string& name) { set_status(name, Status::running, ""); }
  /// As if the journal had been made anew; containers live on.
  void renew_epoch();

  /// The program of {"of", "name"|"id"} reads `bytes`. `conflict` when it has ended.
  Result<> give(const json::Value& program, std::string_view bytes);
  /// And the end of file.
  Result<> end_input(const json::Value& program);
  bool has_ended(const json::Value& program) const;
  /// What it has read, and whether to the end.
  struct Input {
    std::string text{};
    bool finished = false;
  };
  std::map<std::string, Input> inputs;  // by container or job
  /// The sizes that terminals were given, by container or job.
  std::map<std::string, std::vector<std::string>> sizes;

  std::string epoch = "epoch-1";
  std::int64_t drained_since = 0;    ///< 0: it is not drained
  int waiting_jobs = 0;              ///< as query.node tells them
  std::size_t most_elements = 1000;  ///< of a list in one answer
  std::vector<Event> events;
  std::map<std::string, FakeJob> jobs;
  std::map<std::string, FakeContainer> containers;
  /// What else there is, as queries tell it: by "images", "volumes", "networks" or "leaks", then by
  /// name, of leaks by id.
  std::map<std::string, std::map<std::string, json::Object>> things;
  std::string node = "fake";
  /// How many events of each kind there were, as beacons tell it.
  json::Object kind_counts() const;

 private:
  void run_job(FakeJob& job);
  Result<json::Value> act(FakeJob& job);
  Result<json::Value> make(FakeJob& job);
  Result<json::Value> change(FakeJob& job, FakeContainer& container);
  Result<json::Value> exec(FakeJob& job);
  Result<json::Value> act_on_thing(FakeJob& job, TargetKind kind);
  Result<json::Value> act_on_node(const JobRequest& request);
  Result<json::Value> cancel(const std::string& id);
  void end_reader(const std::string& object);
  json::Value events_behind(const json::Value& body) const;
  Result<json::Value> stats(const std::string& name);
  static Result<json::Value> explain(const std::string& name, const json::Value& body);
  void end_job(FakeJob& job, const Result<json::Value>& outcome);
  void step(FakeJob& job, int number, const char* name, const char* subject, bool done);
  void set_status(const std::string& name, Status status, const std::string& job,
                  json::Object data = {});
  json::Object job_view(const FakeJob& job) const;
  json::Object container_view(const std::string& name, const FakeContainer& container) const;

  std::function<void(const Event&)> publish_;
  std::map<std::string, std::uint64_t> counters_;
  std::vector<std::string> job_order_;
  std::uint64_t now_ns_ = 0;  ///< as query.stats tells it
};

}  // namespace drover::fakes
