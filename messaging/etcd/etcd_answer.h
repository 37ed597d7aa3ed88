// What etcd's JSON gateway answers: of 3.4 (Debian 12) and 3.5 (Debian 13) alike.
//
// Numbers of 64 bits are strings, keys and values are base64, and what is 0, false or empty is left
// out.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/json.h"

namespace drover::etcd {

/// As it came from a member.
struct HttpAnswer {
  int status = 0;
  std::string body{};
};

/// One key as it is at a revision. Revisions count all changes of the whole cluster.
struct KeyValue {
  std::string key{};
  std::string value{};
  std::int64_t create_revision = 0;
  std::int64_t mod_revision = 0;
  std::int64_t lease = 0;  ///< 0 without one
};

struct RangeAnswer {
  std::int64_t revision = 0;  ///< what it was read at
  std::vector<KeyValue> items{};
  bool more = false;  ///< than the limit that was asked for
};

/// What one operation of a transaction has answered.
struct OperationAnswer {
  std::vector<KeyValue> items{};  ///< of a range
  std::int64_t deleted = 0;       ///< by a deletion
};

struct TransactionAnswer {
  bool succeeded = false;  ///< all comparisons held
  std::int64_t revision = 0;
  std::vector<OperationAnswer> operations{};  ///< of the half that was done, in its order
};

struct LeaseAnswer {
  std::int64_t id = 0;
  std::int64_t ttl_seconds = 0;  ///< what etcd grants: it may be more than was asked for
};

/// The body of a success; `what` was asked. An error says, by its code, what may have happened:
/// `unavailable` when surely nothing was done, `timed_out` when it may have been done or may yet
/// be, `not_found`, `conflict`, `refused` and `invalid` what etcd says of it, `broken` for what
/// cannot be read.
Result<json::Value> read_answer(const HttpAnswer& answer, std::string_view what);
/// The same of a call whose answers are a stream: its first one.
Result<json::Value> read_first_answer(const HttpAnswer& answer, std::string_view what);

/// Whether a token of a user is what lacked, or was one that etcd does not know any more.
bool wants_login(const HttpAnswer& answer);

// Of bodies of successes; `broken` for what is none of that kind.

Result<RangeAnswer> read_range(const json::Value& body, std::string_view what);
Result<TransactionAnswer> read_transaction(const json::Value& body, std::string_view what);
Result<LeaseAnswer> read_lease(const json::Value& body, std::string_view what);
/// The revision that a change has made.
Result<std::int64_t> read_revision(const json::Value& body, std::string_view what);
Result<std::string> read_token(const json::Value& body, std::string_view what);

}  // namespace drover::etcd
