#include "proxmox/answer.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace drover::proxmox {
namespace {

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

/// Texts of PVE 8 and 9 and what they mean. The first that fits decides.
constexpr std::array<std::pair<std::string_view, Code>, 17> kMeanings = {{
    {"got timeout", Code::unavailable},               // can't lock file '...' - got timeout
    {"got lock request timeout", Code::unavailable},  // a lock of the cluster
    {"no quorum", Code::unavailable},
    {"already exists", Code::conflict},
    {"already running", Code::conflict},
    {"not running", Code::conflict},
    {"is running", Code::conflict},
    {"is locked", Code::conflict},
    {"detected modified configuration", Code::conflict},
    {"refusing to override", Code::conflict},
    {"does not exist", Code::not_found},
    {"no such", Code::not_found},
    {"No such", Code::not_found},
    {"not found", Code::not_found},
    {"Permission check failed", Code::refused},
    {"is only allowed for root@pam", Code::refused},
    {"unable to modify read-only option", Code::refused},
}};

Code meaning(int status, std::string_view text) {
  if (status == 401 || status == 403) {
    return Code::refused;
  }
  if (status == 595) {  // nobody took the request
    return Code::unavailable;
  }
  if (status == 596) {  // somebody took it, and may do it yet
    return Code::timed_out;
  }
  const Code code = meaning_of(text);
  return code == Code::broken && status == 400 ? Code::invalid : code;
}

std::string one_line(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) {
    text.remove_suffix(1);
  }
  std::string line(text.substr(0, 2000));
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

}  // namespace

Code meaning_of(std::string_view text) {
  for (const auto& [part, code] : kMeanings) {
    if (contains(text, part)) {
      return code;
    }
  }
  return Code::broken;
}

Result<json::Value> read_answer(const Answer& answer, std::string_view request) {
  if (answer.status >= 200 && answer.status < 300) {
    json::Value body =
        TRY(json::parse(answer.body).context(fmt::format("read the answer to {}", request)));
    if (json::Object* object = body.object()) {
      if (json::Value* data = object->find("data")) {
        return std::move(*data);
      }
    }
    return fail(Code::broken, "{}: the answer has no \"data\"", request);
  }
  // The whole text is in the body where there is one; the reason phrase ends at the first newline.
  const Result<json::Value> body = json::parse(answer.body);
  std::string text = one_line(body ? body->at("message").string_or("") : "");
  if (text.empty()) {
    text = one_line(answer.reason);
  }
  std::vector<Fault> faults;
  if (body) {
    if (const json::Object* errors = body->at("errors").object()) {
      for (const auto& [parameter, what] : *errors) {
        faults.push_back({json::pointer_join("", parameter), one_line(what.string_or("")), 0});
        text += fmt::format("; {}: {}", parameter, one_line(what.string_or("")));
      }
    }
  }
  return Failure(Error{meaning(answer.status, text),
                       fmt::format("{}: {} {}", request, answer.status, text), std::move(faults)});
}

}  // namespace drover::proxmox
