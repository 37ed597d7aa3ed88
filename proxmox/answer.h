// Answer: what the API said to one request, and what it meant by it.
#pragma once

#include <string>
#include <string_view>

#include "agent/core/json.h"
#include "agent/core/result.h"

namespace drover::proxmox {

struct Answer {
  int status = 0;
  std::string reason;  ///< of the status line: the first line of an error's text
  std::string body;
};

/// The status of who is not known, or no more.
inline constexpr int kUnauthorized = 401;

/// "data" of a success; otherwise an error whose code says what the API meant, for it answers
/// nearly everything with 500. `request` ("POST /nodes/pve1/lxc") stands in front of the message.
Result<json::Value> read_answer(const Answer& answer, std::string_view request);

/// The same with all that stands beside "data".
Result<json::Object> read_whole(const Answer& answer, std::string_view request);

/// The elements of an answer that is a list; `broken` when it is none. `what` was asked for.
Result<json::Array> list_of(Result<json::Value> data, std::string_view what);

/// The text for events and terminals, whatever the server has sent: without control characters, and
/// cut when it is long.
std::string one_line(std::string_view text);

/// Whether a request has failed because this version of Proxmox has no such method (501).
bool lacks_method(const Error& error);

/// What an error's text means, also one that a task ended with; `broken` when nobody knows.
Code meaning_of(std::string_view text);

}  // namespace drover::proxmox
