#include "proxmox/task.h"

#include <poll.h>

#include <algorithm>
#include <array>

#include "agent/system/process.h"
#include "proxmox/answer.h"
#include "proxmox/task_tail.h"

namespace drover::proxmox {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstPause{50};
constexpr milliseconds kLongestPause{2000};
/// A task of another node is not at once known to the node that is asked.
constexpr int kMostUnknown = 10;
/// The last of them repeats the exit status.
constexpr std::int64_t kLogLines = 4;
/// Backups end theirs with when, how and to whom they have told.
constexpr std::int64_t kBackupLogLines = 20;
constexpr std::string_view kErrorLine = "ERROR:";
/// The API gives 50 unless told. A guest that is backed up daily has more in a few weeks, and the
/// list of those that run names many for a while after their end.
constexpr int kMostListed = 2000;

std::string path_of(const Upid& upid) {
  return "/nodes/" + path_segment(upid.node) + "/tasks/" + path_segment(upid.str());
}

std::string name_of(const Upid& upid) {
  return upid.id.empty() ? "task " + upid.type : fmt::format("task {} {}", upid.type, upid.id);
}

Result<> aborted(Client& client, const Upid& upid, Code code, std::string_view why) {
  // What stopped us must not stop this.
  const Stop never;
  const auto asked = client.del(path_of(upid), {}, never);
  return fail(code, "{}: {}{}", name_of(upid), why,
              asked ? ", so it was aborted" : "; aborting it failed: " + asked.error().message);
}

/// Until the process has ended or there is a stop; false when there was neither within `timeout`.
bool await_process(int process, milliseconds timeout, TaskTail& tail, const Stop& stop) {
  std::array<pollfd, 2> fds = {{{process, POLLIN, 0}, {stop.fd(), POLLIN, 0}}};
  for (milliseconds passed{0};;) {
    const milliseconds next = std::min(timeout, tail.due());
    if (poll(fds.data(), fds.size(), static_cast<int>((next - passed).count())) != 0) {
      return true;
    }
    if (next == timeout) {
      return false;
    }
    passed = next;
    tail.look(passed, stop);
  }
}

}  // namespace

bool ended_well(std::string_view exit) {
  return exit == "OK" || exit.starts_with("WARNINGS");
}

std::string Tasks::end_of_log(const Upid& upid, const Stop& stop) {
  const std::string path = path_of(upid) + "/log";
  // The API counts from the beginning, and says how many there are beside any of them.
  const Result<json::Object> one = client_.get_whole(path, {{"limit", "1"}}, stop);
  const json::Value* const total = one ? one->find("total") : nullptr;
  const bool is_backup = upid.type == "vzdump";
  const std::int64_t most = is_backup ? kBackupLogLines : kLogLines;
  const std::int64_t first =
      std::max<std::int64_t>(0, (total == nullptr ? 0 : total->integer_or(0)) - most);
  const auto lines =
      client_.get(path, {{"start", std::to_string(first)}, {"limit", std::to_string(most)}}, stop);
  std::string text;
  std::string errors;
  const auto add = [](std::string& to, std::string_view line) {
    to += (to.empty() ? "" : " | ") + one_line(line);
  };
  if (lines && lines->array() != nullptr) {
    for (const json::Value& value : *lines->array()) {
      const std::string_view line = value.at("t").string_or("");
      if (!line.empty() && !line.starts_with("TASK ")) {
        add(text, line);
      }
      if (is_backup && line.starts_with(kErrorLine)) {
        add(errors, line);
      }
    }
  }
  return errors.empty() ? text : errors;
}

Result<> Tasks::wait(const Upid& upid, milliseconds timeout, const Stop& stop, GivenUp given_up) {
  const auto give_up = [&](Code code, const std::string& why) {
    const bool is_left =
        given_up == GivenUp::left || (code == Code::cancelled && stop.still_wanted());
    return is_left ? fail(code, "{}: {}", name_of(upid), why) : aborted(client_, upid, code, why);
  };
  const std::string too_long = fmt::format("did not end within {} s", timeout.count() / 1000);
  const system::Instant begin = clock_.now();
  const system::Instant deadline = begin + timeout;
  TaskTail tail(client_, upid);
  if (upid.node == client_.node()) {
    // On this host the task is a process, whose end need not be asked for again and again.
    const auto process = system::open_process({static_cast<pid_t>(upid.pid), upid.pstart});
    if (process && !await_process(process->get(), timeout, tail, stop)) {
      return give_up(Code::timed_out, too_long);
    }
  }
  milliseconds pause = kFirstPause;
  int unknown = 0;
  for (;;) {
    if (stop.requested()) {
      return give_up(Code::cancelled,
                     stop.still_wanted() ? "goes on, for the agent ends" : "was cancelled");
    }
    const auto status = client_.get(path_of(upid) + "/status", {}, stop);
    if (!status && (status.error().code != Code::not_found || ++unknown > kMostUnknown)) {
      if (status.error().code == Code::cancelled) {
        continue;
      }
      return Failure(Error(status.error()).context("wait for " + name_of(upid)));
    }
    if (status && status->at("status").string_or("") == "stopped") {
      const std::string exit = one_line(status->at("exitstatus").string_or(""));
      if (ended_well(exit)) {
        return {};
      }
      const std::string log = end_of_log(upid, stop);
      return fail(meaning_of(exit), "{}: {}{}{}", name_of(upid), exit.empty() ? "failed" : exit,
                  log.empty() ? "" : "; its log ends: ", log);
    }
    if (clock_.now() >= deadline) {
      return give_up(Code::timed_out, too_long);
    }
    const auto passed = std::chrono::duration_cast<milliseconds>(clock_.now() - begin);
    if (passed >= tail.due()) {
      tail.look(passed, stop);
    }
    if (!clock_.sleep_for(pause, stop)) {
      continue;
    }
    pause = std::min(pause * 2, kLongestPause);
  }
}

Result<> Tasks::wait(const json::Value& answer, milliseconds timeout, const Stop& stop) {
  if (answer.is_null()) {
    return {};
  }
  const Upid upid = TRY(Upid::parse(answer.string_or("")));
  return wait(upid, timeout, stop);
}

Result<> Tasks::abort(const Upid& upid, const Stop& stop) {
  TRY(client_.del(path_of(upid), {}, stop).context("abort " + name_of(upid)));
  return {};
}

Result<std::vector<Tasks::Ended>> Tasks::ended(Vmid vmid, const Stop& stop) {
  const json::Array list =
      TRY(list_of(client_.get("/nodes/" + path_segment(client_.node()) + "/tasks",
                              {{"source", "archive"},
                               {"vmid", std::to_string(vmid.value)},
                               {"limit", std::to_string(kMostListed)}},
                              stop),
                  "list ended tasks"));
  std::vector<Ended> tasks;
  for (const json::Value& task : list) {
    tasks.push_back({std::string(task.at("type").string_or("")),
                     std::string(task.at("status").string_or("")),
                     std::string(task.at("upid").string_or(""))});
  }
  return tasks;
}

Result<std::vector<Upid>> Tasks::running(const Stop& stop) {
  const json::Array list =
      TRY(list_of(client_.get("/nodes/" + path_segment(client_.node()) + "/tasks",
                              {{"source", "active"}, {"limit", std::to_string(kMostListed)}}, stop),
                  "list tasks"));
  std::vector<Upid> upids;
  for (const json::Value& task : list) {
    // The list goes on naming a task for a while after its end, then with an exit status.
    const bool runs = task.at("status").string_or("RUNNING") == "RUNNING";
    Result<Upid> upid = Upid::parse(task.at("upid").string_or(""));
    if (runs && upid) {
      upids.push_back(std::move(*upid));
    }
  }
  return upids;
}

}  // namespace drover::proxmox
