#include "messaging/etcd/etcd_answer.h"

#include <algorithm>
#include <utility>

#include "agent/core/ascii.h"
#include "agent/core/utf8.h"
#include "messaging/etcd/base64.h"

namespace drover::etcd {
namespace {

constexpr std::size_t kMostText = 500;
/// Of a user's token; simple ones have 20 characters, JWTs some hundreds.
constexpr std::size_t kMostToken = 4096;

/// gRPC's codes (grpc/codes), which the gateway passes on beside a status of HTTP made of them.
enum Grpc : std::int64_t {
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kUnavailable = 14,
  kUnauthenticated = 16,
};

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

Code meaning_of_grpc(std::int64_t code, std::string_view text) {
  switch (code) {
    case kCancelled:
    case kUnknown:
    case kDeadlineExceeded:
    case kAborted:
      return Code::timed_out;
    case kUnavailable:
      // Said before anything is proposed; a request that timed out or whose leader was lost may
      // still be in the log.
      return has(text, "no leader") || has(text, "not capable") ? Code::unavailable
                                                                : Code::timed_out;
    case kResourceExhausted:
      return has(text, "larger than max") ? Code::invalid : Code::unavailable;
    case kInvalidArgument:
      return has(text, "authentication failed") || has(text, "user name is empty") ||
                     has(text, "revision of auth store is old")
                 ? Code::refused
                 : Code::invalid;
    case kNotFound:
    case kOutOfRange:  // a revision that is compacted away
      return Code::not_found;
    case kAlreadyExists:
    case kFailedPrecondition:
      return Code::conflict;
    case kPermissionDenied:
    case kUnimplemented:
    case kUnauthenticated:
      return Code::refused;
    default:
      return Code::broken;
  }
}

std::string one_line(std::string_view text) {
  std::string line = repair_utf8(text.substr(0, kMostText));
  std::replace_if(line.begin(), line.end(), is_control, ' ');
  while (line.ends_with(' ')) {
    line.pop_back();
  }
  return line;
}

Failure refusal(int status, std::int64_t grpc, std::string_view text, std::string_view what) {
  return fail(meaning_of_grpc(grpc, text), "{}: {} {}", what, status, one_line(text));
}

/// Of an answer that is none of etcd's gateway: of a proxy before it, or of another server.
Failure foreign(const HttpAnswer& answer, std::string_view what) {
  const std::string text = one_line(answer.body);
  if (answer.status == 404) {
    return fail(Code::refused, "{}: 404 {}; this server has no gateway /v3 of etcd (3.4 or later)",
                what, text);
  }
  if (answer.status == 400 && has(text, "CommonName")) {
    return fail(Code::refused,
                "{}: 400 {}; etcd's gateway takes no certificate_file that has a common name: "
                "make one without",
                what, text);
  }
  if (answer.status >= 500) {
    return fail(Code::timed_out, "{}: {} {}", what, answer.status, text);
  }
  return fail(Code::broken, "{}: {} {}", what, answer.status, text);
}

Result<json::Value> read_body(int status, std::string_view body, const HttpAnswer& answer,
                              std::string_view what) {
  Result<json::Value> read = json::parse(body);
  if (!read || read->object() == nullptr) {
    if (status == 200) {
      return fail(Code::broken, "{}: the answer cannot be read: {}", what,
                  read ? "it is no object" : one_line(read.error().message));
    }
    return foreign(answer, what);
  }
  // Within a stream, behind a 200.
  if (const json::Value& error = read->at("error"); error.object() != nullptr) {
    return refusal(static_cast<int>(error.at("http_code").integer_or(status)),
                   error.at("grpc_code").integer_or(kUnknown), error.at("message").string_or(""),
                   what);
  }
  if (status != 200) {
    if (!read->at("code").is_number()) {
      return foreign(answer, what);
    }
    std::string_view text = read->at("message").string_or("");
    if (text.empty()) {
      text = read->at("error").string_or("");
    }
    return refusal(status, read->at("code").integer_or(kUnknown), text, what);
  }
  return read;
}

Failure not_understood(std::string_view what, std::string_view lacks) {
  return fail(Code::broken, "{}: the answer has no {} that can be read", what, lacks);
}

Result<std::string> bytes_of(const json::Value& member, std::string_view what) {
  if (member.is_null()) {
    return std::string();
  }
  const std::string* text = member.string();
  std::optional<std::string> bytes = text == nullptr ? std::nullopt : from_base64(*text);
  if (!bytes) {
    return not_understood(what, "bytes");
  }
  return std::move(*bytes);
}

/// At least 0; what is left out is 0.
Result<std::int64_t> count_of(const json::Value& member, std::string_view what) {
  const std::int64_t count = member.is_null() ? 0 : member.integer_or(-1);
  if (count < 0) {
    return not_understood(what, "number");
  }
  return count;
}

Result<KeyValue> read_item(const json::Value& item, std::string_view what) {
  KeyValue read;
  read.key = TRY(bytes_of(item.at("key"), what));
  if (read.key.empty()) {
    return not_understood(what, "key");
  }
  read.value = TRY(bytes_of(item.at("value"), what));
  read.create_revision = TRY(count_of(item.at("create_revision"), what));
  read.mod_revision = TRY(count_of(item.at("mod_revision"), what));
  read.lease = TRY(count_of(item.at("lease"), what));
  return read;
}

Result<std::vector<KeyValue>> read_items(const json::Value& body, std::string_view what) {
  std::vector<KeyValue> items;
  const json::Value& all = body.at("kvs");
  if (all.is_null()) {
    return items;
  }
  if (all.array() == nullptr) {
    return not_understood(what, "list of keys");
  }
  for (const json::Value& one : *all.array()) {
    KeyValue item = TRY(read_item(one, what));
    items.push_back(std::move(item));
  }
  return items;
}

}  // namespace

Result<json::Value> read_answer(const HttpAnswer& answer, std::string_view what) {
  return read_body(answer.status, answer.body, answer, what);
}

Result<json::Value> read_first_answer(const HttpAnswer& answer, std::string_view what) {
  const std::string_view body = answer.body;
  json::Value read = TRY(read_body(answer.status, body.substr(0, body.find('\n')), answer, what));
  json::Value* const result = read.object()->find("result");
  if (result == nullptr || result->object() == nullptr) {
    return not_understood(what, "result");
  }
  return std::move(*result);
}

bool wants_login(const HttpAnswer& answer) {
  return answer.status == 401 ||
         (answer.status == 400 && (has(answer.body, "user name is empty") ||
                                   has(answer.body, "revision of auth store is old")));
}

Result<std::int64_t> read_revision(const json::Value& body, std::string_view what) {
  const std::int64_t revision = body.at("header").at("revision").integer_or(0);
  if (revision < 1) {
    return not_understood(what, "revision");
  }
  return revision;
}

Result<RangeAnswer> read_range(const json::Value& body, std::string_view what) {
  RangeAnswer read;
  read.revision = TRY(read_revision(body, what));
  read.items = TRY(read_items(body, what));
  read.more = body.at("more").boolean_or(false);
  return read;
}

Result<TransactionAnswer> read_transaction(const json::Value& body, std::string_view what) {
  TransactionAnswer read;
  read.revision = TRY(read_revision(body, what));
  read.succeeded = body.at("succeeded").boolean_or(false);
  const json::Value& all = body.at("responses");
  if (all.is_null()) {
    return read;
  }
  if (all.array() == nullptr) {
    return not_understood(what, "list of operations");
  }
  for (const json::Value& one : *all.array()) {
    OperationAnswer operation;
    operation.items = TRY(read_items(one.at("response_range"), what));
    operation.deleted = TRY(count_of(one.at("response_delete_range").at("deleted"), what));
    read.operations.push_back(std::move(operation));
  }
  return read;
}

Result<LeaseAnswer> read_lease(const json::Value& body, std::string_view what) {
  LeaseAnswer read;
  read.id = body.at("ID").integer_or(0);
  read.ttl_seconds = TRY(count_of(body.at("TTL"), what));
  if (read.id == 0) {
    return not_understood(what, "lease");
  }
  return read;
}

Result<std::string> read_token(const json::Value& body, std::string_view what) {
  const std::string_view token = body.at("token").string_or("");
  // It becomes a header.
  const bool plain =
      std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (token.empty() || token.size() > kMostToken || !plain) {
    return not_understood(what, "token");
  }
  return std::string(token);
}

}  // namespace drover::etcd
