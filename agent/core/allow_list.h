// AllowList: whose keys a node takes over tcp, and what each may do.
//
//   {"keys": [{"name": "ci", "key": "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID", "roles":
//   ["submit"],
//              "limits": {"jobs_per_second": 50, "queued": 1000, "message_kib": 64},
//              "names": ["web-*"], "labels": {"team": "web"}}]}
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/curve_key.h"
#include "agent/core/json.h"
#include "agent/core/key_role.h"
#include "agent/core/result.h"

namespace drover {

/// So many that what the front has to know of them fits a record of its pair.
inline constexpr std::size_t kMostAllowedKeys = 1000;
/// Of the list as text.
inline constexpr std::size_t kMostAllowListBytes = std::size_t{1} << 20;
/// Who comes over the node's own sockets; no key has that name.
inline constexpr std::string_view kLocalSender = "local";

/// What one key may have at once. 0: no bound but the node's own.
struct KeyLimits {
  std::int64_t jobs_per_second = 0;
  std::int64_t queued = 0;       ///< jobs of it that wait
  std::int64_t message_kib = 0;  ///< of one message's body
  bool operator==(const KeyLimits&) const = default;
};

struct KeyNameKind {
  static Result<> check(std::string_view text);
};
/// Of a key, and so of who sends: 1 to 63 of [A-Za-z0-9._@-], the first a letter or digit; not
/// "local".
using KeyName = Id<KeyNameKind>;

struct AllowedKey {
  KeyName name;
  PublicKey key;
  std::set<KeyRole> roles{};  ///< at least one
  KeyLimits limits{};
  std::vector<std::string> names{};             ///< patterns (glob_match); none: any name
  std::map<std::string, std::string> labels{};  ///< to patterns of values; none: any container

  bool may(KeyRole role) const { return allows(roles, role); }
  /// Whether it may have to do with a thing of this name.
  bool may_touch(std::string_view thing) const;
  /// Whether it may have to do with a container that has these labels: each of its own is among
  /// them, with a value that fits.
  bool may_touch(const std::map<std::string, std::string>& container_labels) const;
  bool operator==(const AllowedKey&) const = default;
};

/// A value; the keys in the order of the file.
class AllowList {
 public:
  AllowList() = default;
  /// `invalid` with the pointer of every fault.
  static Result<AllowList> read(const json::Value& document);
  /// The same with lines. No comments: what `drover keys` writes anew would lose them.
  static Result<AllowList> parse(std::string_view text);

  /// nullptr for a key that is not allowed. Pointers hold until the list changes.
  const AllowedKey* find(const PublicKey& key) const;
  const AllowedKey* find(std::string_view name) const;
  const std::vector<AllowedKey>& keys() const { return keys_; }

  /// `conflict` when the name or the key stands here already, or kMostAllowedKeys do.
  Result<> add(AllowedKey key);
  /// `not_found` when no key has the name.
  Result<> remove(std::string_view name);

  /// Of the form that is read; what has its default is left out.
  json::Value to_json() const;
  bool operator==(const AllowList& other) const { return keys_ == other.keys_; }

 private:
  static Result<AllowList> read(const json::Value& document, std::string_view text);

  std::vector<AllowedKey> keys_;
  std::map<std::string, std::size_t, std::less<>> by_name_;  // to a place in keys_
  std::map<PublicKey, std::size_t> by_key_;
};

}  // namespace drover
