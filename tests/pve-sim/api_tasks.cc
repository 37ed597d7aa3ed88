// The methods below /nodes/NODE/tasks.
#include "tests/pve-sim/api.h"
#include "tests/pve-sim/checked.h"

namespace drover::pve_sim {

Answer Api::tasks(const std::string& method, const std::vector<std::string>& parts,
                  const Form& form) {
  if (parts.size() == 3 && method == "GET") {
    const Parameters given = CHECKED("GET /nodes/{node}/tasks", {});
    const std::string source = given.contains("source") ? given.at("source") : "archive";
    const auto fits = [&given](const char* filter, const json::Value& value) {
      return !given.contains(filter) || value.string_or("") == given.at(filter);
    };
    json::Array list;
    const std::vector<std::string> upids = tasks_.list();
    for (const std::string& upid : upids) {
      if (std::optional<json::Object> status = tasks_.status(upid)) {
        const bool runs = status->find("exitstatus") == nullptr;
        if (source == (runs ? "archive" : "active") || !fits("typefilter", *status->find("type")) ||
            !fits("vmid", *status->find("id"))) {
          continue;
        }
        if (const json::Value* ended = status->find("exitstatus")) {
          status->set("status", json::Value(*ended));
          status->erase("exitstatus");
        } else {
          status->set("status", "RUNNING");
        }
        list.emplace_back(std::move(*status));
      }
    }
    return data_of(std::move(list), static_cast<std::int64_t>(upids.size()));
  }
  if (parts.size() < 4) {
    return not_implemented(method, parts);
  }
  const Parameters own{{"upid", parts[3]}};
  if (!parse_upid(parts[3])) {
    return bad_parameters({{"upid", "unable to parse worker upid"}});
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
    const auto number = [&given](const char* key, std::int64_t otherwise) {
      return given.contains(key) ? json::Value(given.at(key)).integer_or(otherwise) : otherwise;
    };
    const auto total = static_cast<std::int64_t>(lines.size());
    const std::int64_t first = number("start", 0);
    const std::int64_t limit = number("limit", 50);
    json::Array list;
    for (std::int64_t i = first; i < total && (limit == 0 || i < first + limit); ++i) {
      list.emplace_back(json::Object{{"n", i + 1}, {"t", lines[static_cast<std::size_t>(i)]}});
    }
    return data_of(std::move(list), total);
  }
  return not_implemented(method, parts);
}

}  // namespace drover::pve_sim
