#include "proxmox/answer.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "agent/core/ascii.h"
#include "agent/core/utf8.h"

namespace drover::proxmox {
namespace {

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

/// Texts of PVE 8 and 9 and what they mean. The first that fits decides.
constexpr std::array<std::pair<std::string_view, Code>, 42> kMeanings = {{
    {"got timeout", Code::unavailable},               // can't lock file '...' - got timeout
    {"got lock request timeout", Code::unavailable},  // a lock of the cluster
    {"no quorum", Code::unavailable},
    {"unable to open file '/etc/pve/", Code::unavailable},  // to write it, without a quorum
    // Of an IPAM elsewhere, whatever its trouble is: "ip already exist: Invalid response from ...".
    {"Invalid response from server: 5", Code::unavailable},
    {"Invalid response from server: 401", Code::refused},
    {"Invalid response from server: 403", Code::refused},
    {"already exist", Code::conflict},    // addresses of an IPAM, without an "s"
    {"already defined", Code::conflict},  // storages
    {"already running", Code::conflict},
    {"not running", Code::conflict},
    {"is running", Code::conflict},
    {"is locked", Code::conflict},
    {"detected modified configuration", Code::conflict},
    {"refusing to override", Code::conflict},
    {"', aborting", Code::conflict},              // a file with another checksum than the download
    {"already used", Code::conflict},             // the name of a snapshot
    {"is not most recent", Code::conflict},       // storages that roll back to the newest only
    {"unable to rollback", Code::conflict},       // to a snapshot that is not whole
    {"feature is not available", Code::refused},  // snapshots on a storage that has none
    {"does not exist", Code::not_found},
    {"no such", Code::not_found},
    {"No such", Code::not_found},
    {"not found", Code::not_found},
    {"Permission check failed", Code::refused},
    {"is only allowed for root@pam", Code::refused},
    {"unable to modify read-only option", Code::refused},
    {"Only root can pass arbitrary filesystem paths", Code::refused},
    {"is disabled", Code::refused},  // a storage
    {"is not configured for content-type", Code::refused},
    {"wrong content type", Code::refused},      // backups on a storage that takes none
    {"only possible for root", Code::refused},  // bind mounts of a backup
    {"checksum mismatch", Code::invalid},
    {"missing value for required option", Code::invalid},
    {"unable to shrink disk size", Code::invalid},
    // Of SDN, whose errors in a parameter stand within a text of another.
    {"invalid lock token provided", Code::unavailable},
    {"has pending changes", Code::conflict},
    {"cannot delete subnet", Code::conflict},
    {"can't find any subnet for ip", Code::not_found},
    {"doesn't exist", Code::not_found},
    {"don't exist in ipam db", Code::not_found},
    {"Parameter verification failed", Code::invalid},
}};

constexpr std::size_t kMostText = 2000;
/// Of the parameters at fault, which the API names all at once.
constexpr std::size_t kMostFaults = 100;

Code meaning(int status, std::string_view text) {
  if (status == kUnauthorized || status == 403) {
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

}  // namespace

std::string one_line(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) {
    text.remove_suffix(1);
  }
  std::string line = repair_utf8(text.substr(0, kMostText));
  std::replace_if(line.begin(), line.end(), is_control, ' ');
  return line;
}

bool lacks_method(const Error& error) {
  return error.message.find("not implemented") != std::string::npos;
}

Code meaning_of(std::string_view text) {
  for (const auto& [part, code] : kMeanings) {
    if (contains(text, part)) {
      return code;
    }
  }
  return Code::broken;
}

Result<json::Array> list_of(Result<json::Value> data, std::string_view what) {
  json::Value value = TRY(std::move(data));
  json::Array* array = value.array();
  if (array == nullptr) {
    return fail(Code::broken, "{}: the answer is no list", what);
  }
  return std::move(*array);
}

Result<json::Value> read_answer(const Answer& answer, std::string_view request) {
  json::Object whole = TRY(read_whole(answer, request));
  return std::move(*whole.find("data"));
}

Result<json::Object> read_whole(const Answer& answer, std::string_view request) {
  if (answer.status >= 200 && answer.status < 300) {
    Result<json::Value> body = json::parse(answer.body);
    if (!body) {
      return fail(Code::broken, "{}: the answer cannot be read: {}", request, body.error().message);
    }
    if (json::Object* object = body->object()) {
      if (object->find("data") != nullptr) {
        return std::move(*object);
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
        if (faults.size() == kMostFaults || text.size() > kMostText) {
          break;
        }
        const std::string name = one_line(parameter);
        faults.push_back({json::pointer_join("", name), one_line(what.string_or("")), 0});
        text += fmt::format("; {}: {}", name, faults.back().message);
      }
    }
  }
  return Failure(Error{meaning(answer.status, text),
                       fmt::format("{}: {} {}", request, answer.status, text), std::move(faults)});
}

}  // namespace drover::proxmox
