// The methods below /nodes/NODE/tasks.
#include "tests/pve-sim/api.h"
#include "tests/pve-sim/checked.h"

namespace drover::pve_sim {
namespace {

constexpr std::int64_t kMostInAnswer = 50;  ///< tasks, or lines of a log, unless asked for more

constexpr std::size_t kMostOfAllNodes = 25;

std::string text_of(const Parameters& given, const char* key, const char* otherwise) {
  return given.contains(key) ? given.at(key) : otherwise;
}

std::int64_t number_of(const Parameters& given, const char* key, std::int64_t otherwise) {
  return given.contains(key) ? json::Value(given.at(key)).integer_or(otherwise) : otherwise;
}

// Whether the filters of a list take the task.
bool is_wanted(const json::Object& task, const Parameters& given) {
  const std::string source = text_of(given, "source", "archive");
  const std::string_view status = task.find("status")->string_or("");
  const bool runs = task.find("endtime") == nullptr;
  const auto fits = [&](const char* filter, const char* key) {
    return !given.contains(filter) || task.find(key)->string_or("") == given.at(filter);
  };
  return source != (runs ? "archive" : "active") && fits("typefilter", "type") &&
         fits("vmid", "id") &&
         (text_of(given, "errors", "0") == "0" ||
          (!runs && status != "OK" && !status.starts_with("WARNINGS")));
}

// Whether a task is the asker's own: to its user also what its tokens have begun, and to a token
// only what that one has.
bool is_own(const std::string& upid, const std::string& user) {
  const std::string owner = parse_upid(upid).value_or(Upid()).user;
  return user == owner || user == owner.substr(0, owner.find('!'));
}

}  // namespace

Answer Api::list_tasks(const Parameters& given, const std::string& user) const {
  const bool all = users_.has(user, "/nodes/" + place_.node, "Sys.Audit");
  const std::int64_t first = number_of(given, "start", 0);
  const std::int64_t limit = number_of(given, "limit", kMostInAnswer);
  json::Array list;
  std::int64_t total = 0;
  for (const std::string& upid : tasks_.list()) {
    std::optional<json::Object> task = tasks_.row(upid);
    if (!task || !(all || is_own(upid, user)) || !is_wanted(*task, given)) {
      continue;
    }
    if (total >= first && total < first + limit) {
      list.emplace_back(std::move(*task));
    }
    ++total;
  }
  return data_of(std::move(list), total);
}

Answer Api::list_newest_tasks(const std::string& user) {
  const bool all = users_.has(user, "/", "Sys.Audit");
  const std::lock_guard lock(mutex_);
  json::Array list;
  for (const std::string& upid : tasks_.list()) {
    std::optional<json::Object> task = tasks_.row(upid);
    if (!task || !(all || is_own(upid, user)) || list.size() == kMostOfAllNodes) {
      continue;
    }
    if (task->find("endtime") != nullptr) {
      const bool is_new = saved_.insert(upid).second;
      task->set("saved", is_new ? json::Value(1) : json::Value("1"));
    }
    task->erase("pid");
    task->erase("pstart");
    list.emplace_back(std::move(*task));
  }
  return with_data(std::move(list));
}

Answer Api::tasks(const std::string& method, const std::vector<std::string>& parts,
                  const Form& form, const std::string& user) {
  if (parts.size() == 3 && method == "GET") {
    const Parameters given = CHECKED("GET /nodes/{node}/tasks", {});
    return list_tasks(given, user);
  }
  if (parts.size() < 4) {
    return not_implemented(method, parts);
  }
  const Parameters own{{"upid", parts[3]}};
  if (!parse_upid(parts[3])) {
    return bad_parameters({{"upid", "unable to parse worker upid"}});
  }
  const std::string node = "/nodes/" + place_.node;
  const std::string wanted = method == "DELETE" ? "Sys.Modify" : "Sys.Audit";
  if ((parts.size() == 5 || method == "DELETE") && !is_own(parts[3], user) &&
      !users_.has(user, node, wanted)) {
    return error(permission_failed(node + ", " + wanted), 403);
  }
  if (parts.size() == 4 && method == "DELETE") {
    CHECKED("DELETE /nodes/{node}/tasks/{upid}", own);
    tasks_.abort(parts[3]);
    return with_data(nullptr);
  }
  if (parts.size() == 4 && method == "GET") {
    return with_data(json::Array{json::Object{{"name", "log"}}, json::Object{{"name", "status"}}});
  }
  if (parts.size() == 5 && method == "GET" && parts[4] == "status") {
    CHECKED("GET /nodes/{node}/tasks/{upid}/status", own);
    std::optional<json::Object> status = tasks_.status(parts[3]);
    return status && !tasks_.is_late(parts[3]) ? with_data(std::move(*status))
                                               : bad_parameters({{"upid", "no such task"}});
  }
  if (parts.size() == 5 && method == "GET" && parts[4] == "log") {
    const Parameters given = CHECKED("GET /nodes/{node}/tasks/{upid}/log", own);
    const std::vector<std::string> lines = tasks_.log(parts[3]).value_or(
        std::vector<std::string>{"unable to open file - No such file or directory"});
    if (text_of(given, "download", "0") == "1") {
      std::string text;
      for (const std::string& line : lines) {
        text += line + "\n";
      }
      return with_text(std::move(text));
    }
    const auto total = static_cast<std::int64_t>(lines.size());
    const std::int64_t first = number_of(given, "start", 0);
    const std::int64_t limit = number_of(given, "limit", kMostInAnswer);
    json::Array list;
    for (std::int64_t i = first; i < total && (limit == 0 || i < first + limit); ++i) {
      list.emplace_back(json::Object{{"n", i + 1}, {"t", lines[static_cast<std::size_t>(i)]}});
    }
    return data_of(std::move(list), total);
  }
  return not_implemented(method, parts);
}

}  // namespace drover::pve_sim
