// Answer: what the API says to one request, before it is HTTP.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/json.h"

namespace drover::pve_sim {

struct Answer {
  int status = 200;
  std::string reason = "OK";  ///< one line
  json::Value body;           ///< null: none
  std::string text{};         ///< a body that is no JSON
};

/// {"data": value}.
Answer with_data(json::Value value);
/// {"data": [...], "total": n}, as task lists and logs are given.
Answer data_of(json::Array list, std::int64_t total);
/// The text and nothing around it.
Answer with_text(std::string text);
/// {"data": null, "message": message + "\n"}; the reason is the message's first line.
Answer error(std::string message, int status = 500);
/// 400 with a text for each parameter at fault.
Answer bad_parameters(const std::map<std::string, std::string>& errors);
/// 401 without a body.
Answer unauthorized(std::string reason);

/// 501: also for a wrong method on a path that exists.
Answer not_implemented(const std::string& method, const std::vector<std::string>& path);

}  // namespace drover::pve_sim
