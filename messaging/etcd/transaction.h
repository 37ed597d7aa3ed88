// What etcd is asked: keys, and transactions over them.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "agent/core/json.h"

namespace drover::etcd {

/// One key, or all in [first, end).
struct Keys {
  std::string first;
  std::string end{};

  static Keys one(std::string key) { return {std::move(key), {}}; }
  /// All that begin with `prefix`.
  static Keys below(const std::string& prefix);
};

struct Range {
  Keys keys;
  std::int64_t limit = 0;  ///< 0 for all
  /// Only those changed at this revision or later. Which were deleted it does not tell.
  std::int64_t changed_since = 0;
};

struct Put {
  std::string key;
  std::string value;
  std::int64_t lease = 0;  ///< with whose end the key goes; 0 to stay
};

struct Delete {
  Keys keys;
};

using Operation = std::variant<Range, Put, Delete>;

/// What has to be so of one key.
class Comparison {
 public:
  static Comparison absent(const std::string& key) { return {key, "CREATE", "create_revision", 0}; }
  /// It was last changed at that revision.
  static Comparison unchanged(const std::string& key, std::int64_t mod_revision) {
    return {key, "MOD", "mod_revision", mod_revision};
  }
  /// It is the one that was created at that revision, whatever its value became.
  static Comparison same(const std::string& key, std::int64_t create_revision) {
    return {key, "CREATE", "create_revision", create_revision};
  }
  /// It is there, with that lease.
  static Comparison leased(const std::string& key, std::int64_t lease) {
    return {key, "LEASE", "lease", lease};
  }
  /// It is there, with that value.
  static Comparison holds(const std::string& key, const std::string& value);

  json::Value to_json() const;

 private:
  Comparison(std::string key, const char* target, const char* member, json::Value value)
      : key_(std::move(key)), target_(target), member_(member), value_(std::move(value)) {}

  std::string key_;
  const char* target_;
  const char* member_;
  json::Value value_;
};

/// One atomic step: `then` when all of `when` hold, `otherwise` when not.
struct Transaction {
  std::vector<Comparison> when{};
  std::vector<Operation> then{};
  std::vector<Operation> otherwise{};
  /// Done twice it harms nobody, and whoever asks can tell from the answer of the second time.
  /// Others are sent once only.
  bool repeatable = false;
};

json::Object to_json(const Range& range);
json::Object to_json(const Put& put);
json::Object to_json(const Delete& deletion);
json::Object to_json(const Transaction& transaction);

}  // namespace drover::etcd
