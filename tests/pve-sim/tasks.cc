#include "tests/pve-sim/tasks.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <ctime>
#include <fstream>
#include <thread>

#include "agent/system/child.h"
#include "agent/system/file.h"
#include "agent/system/process.h"
#include "tests/pve-sim/trace.h"

namespace drover::pve_sim {

namespace {

std::vector<std::string> pieces(std::string_view text, char at) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t end = text.find(at);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) {
      return parts;
    }
    text.remove_prefix(end + 1);
  }
}

template <class Number>
bool from_hex(const std::string& text, Number& out) {
  return text.size() >= 8 && text.size() <= 9 &&
         std::from_chars(text.data(), text.data() + text.size(), out, 16).ptr ==
             text.data() + text.size();
}

path log_of(const Place& place, const std::string& upid) {
  return place.tasks() / (upid + ".log");
}
path status_of(const Place& place, const std::string& upid) {
  return place.tasks() / (upid + ".status");
}

}  // namespace

std::optional<Upid> parse_upid(std::string_view text) {
  const std::vector<std::string> parts = pieces(text, ':');
  Upid upid;
  if (parts.size() != 9 || parts[0] != "UPID" || !parts[8].empty() ||
      text.find('/') != std::string_view::npos || !from_hex(parts[2], upid.pid) ||
      !from_hex(parts[3], upid.pstart) || !from_hex(parts[4], upid.start_time)) {
    return std::nullopt;
  }
  upid.node = parts[1];
  upid.type = parts[5];
  upid.id = parts[6];
  upid.user = parts[7];
  return upid;
}

std::string to_text(const Upid& upid) {
  return fmt::format("UPID:{}:{:08X}:{:08X}:{:08X}:{}:{}:{}:", upid.node, upid.pid, upid.pstart,
                     upid.start_time, upid.type, upid.id, upid.user);
}

Result<std::string> Tasks::start(const TaskRequest& request, const std::string& user) {
  static std::atomic<unsigned> counter{0};
  const path file = place_.tasks() / fmt::format("request-{}-{}.json", getpid(), counter++);
  const std::int64_t now = std::time(nullptr);
  std::string fault;
  for (const char* name : {"lock", "nospace", "nogroup", "warnings"}) {
    if (faults_.take(name, request.type)) {
      fault = name;
    }
  }
  const json::Object content{{"type", request.type}, {"fault", fault},
                             {"id", request.id},     {"user", user},
                             {"start_time", now},    {"details", request.details}};
  TRY(system::write_atomically(file, json::write(content), 0600));
  std::vector<std::string> argv = {"/proc/self/exe",  "task",
                                   "--directory",     place_.directory.string(),
                                   "--lxc-path",      place_.lxc_path.string(),
                                   "--node",          place_.node,
                                   "--allocation-ms", std::to_string(place_.allocation.count()),
                                   "--lock-wait-ms",  std::to_string(place_.lock_wait.count()),
                                   "--request",       file.string()};
  for (const std::string& bridge : place_.bridges) {
    argv.insert(argv.end(), {"--bridge", bridge});
  }
  const std::int64_t begin = now_ns();
  system::Child child = TRY(system::Child::start(argv));
  const std::uint64_t pstart = TRY(system::start_time_of(child.pid()));
  const std::string upid =
      to_text(Upid{place_.node, child.pid(), pstart, now, request.type, request.id, user});
  std::ofstream(log_of(place_, upid), std::ios::app).flush();
  std::thread([file = place_.trace, begin, what = "task " + request.type,
               child = std::move(child)]() mutable {
    const system::Stop never;
    (void)child.wait(never).has_value();
    trace(file, what, begin, now_ns());
  }).detach();
  return upid;
}

std::optional<json::Object> Tasks::status(const std::string& text) const {
  const std::optional<Upid> upid = parse_upid(text);
  if (!upid || !std::filesystem::exists(log_of(place_, text))) {
    return std::nullopt;
  }
  const std::size_t bang = upid->user.find('!');
  json::Object status{{"upid", text},
                      {"node", upid->node},
                      {"pid", upid->pid},
                      {"pstart", upid->pstart},
                      {"starttime", upid->start_time},
                      {"type", upid->type},
                      {"id", upid->id},
                      {"user", upid->user.substr(0, bang)}};
  if (bang != std::string::npos) {
    status.set("tokenid", upid->user.substr(bang + 1));
  }
  // Looked at in this order: the process writes its exit status before it ends.
  const Result<std::uint64_t> start = system::start_time_of(upid->pid);
  const Result<std::string> ended = system::read_file(status_of(place_, text));
  if (ended) {
    status.set("status", "stopped");
    status.set("exitstatus", *ended);
  } else if (start && *start == upid->pstart) {
    status.set("status", "running");
  } else {
    status.set("status", "stopped");
    status.set("exitstatus", "unexpected status");
  }
  return status;
}

std::optional<json::Object> Tasks::row(const std::string& upid) const {
  std::optional<json::Object> task = status(upid);
  if (!task) {
    return std::nullopt;
  }
  const json::Value* ended = task->find("exitstatus");
  if (ended == nullptr) {
    // The list of those that run is another one, which parts no token from its user.
    if (const json::Value* token = task->find("tokenid")) {
      task->set("user",
                fmt::format("{}!{}", task->find("user")->string_or(""), token->string_or("")));
      task->erase("tokenid");
    }
    task->set("status", "RUNNING");
    task->set("saved", "0");
    return task;
  }
  struct stat facts {};
  stat(status_of(place_, upid).c_str(), &facts);
  task->set("status", json::Value(*ended));
  task->erase("exitstatus");
  task->set("endtime", std::int64_t{facts.st_mtime});
  return task;
}

bool Tasks::is_late(const std::string& upid) const {
  const std::optional<Upid> task = parse_upid(upid);
  return task && faults_.take("late", task->type);
}

std::optional<std::vector<std::string>> Tasks::log(const std::string& upid) const {
  if (!parse_upid(upid)) {
    return std::nullopt;
  }
  const Result<std::string> text = system::read_file(log_of(place_, upid));
  if (!text) {
    return std::nullopt;
  }
  std::vector<std::string> lines = pieces(*text, '\n');
  if (lines.back().empty()) {
    lines.pop_back();
  }
  return lines;
}

std::vector<std::string> Tasks::list() const {
  std::vector<std::string> upids;
  for (const auto& entry : std::filesystem::directory_iterator(place_.tasks())) {
    if (entry.path().extension() == ".log") {
      upids.push_back(entry.path().stem().string());
    }
  }
  std::sort(upids.begin(), upids.end(), [](const std::string& a, const std::string& b) {
    const std::optional<Upid> left = parse_upid(a);
    const std::optional<Upid> right = parse_upid(b);
    return left && right && left->pstart > right->pstart;
  });
  return upids;
}

void Tasks::abort(const std::string& text) const {
  const std::optional<Upid> upid = parse_upid(text);
  if (!upid) {
    return;
  }
  const Result<std::uint64_t> start = system::start_time_of(upid->pid);
  if (start && *start == upid->pstart && std::filesystem::exists(log_of(place_, text))) {
    kill(upid->pid, SIGTERM);
  }
}

void TaskLog::line(std::string_view text) const {
  std::ofstream(file_, std::ios::app) << text << '\n';
}

}  // namespace drover::pve_sim
