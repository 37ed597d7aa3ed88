#include "agent/core/allow_list.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "agent/core/ascii.h"
#include "agent/core/fields.h"
#include "agent/core/glob.h"
#include "agent/core/json_members.h"

namespace drover {
namespace {

constexpr std::size_t kMostNames = 64;
constexpr std::size_t kMostKeyLabels = 32;
constexpr std::size_t kMostPattern = 256;
constexpr std::int64_t kMostJobsPerSecond = 1'000'000;
constexpr std::int64_t kMostQueuedJobs = 1'000'000;
constexpr std::int64_t kMostMessageKib = 256;  // no body is larger

bool is_pattern(std::string_view text) {
  return !text.empty() && text.size() <= kMostPattern &&
         std::none_of(text.begin(), text.end(), is_control);
}

KeyLimits read_key_limits(Fields& fields, Faults& faults) {
  KeyLimits limits;
  fields.object("limits", [&](const json::Value& value, std::string at) {
    Fields members(value, std::move(at), faults);
    limits.jobs_per_second = members.integer("jobs_per_second", 0, 0, kMostJobsPerSecond);
    limits.queued = members.integer("queued", 0, 0, kMostQueuedJobs);
    limits.message_kib = members.integer("message_kib", 0, 0, kMostMessageKib);
    members.finish();
  });
  return limits;
}

std::set<KeyRole> read_key_roles(Fields& fields) {
  std::set<KeyRole> roles;
  fields.require("roles");
  const std::vector<std::string> names = fields.strings("roles");
  for (const std::string& name : names) {
    if (const std::optional<KeyRole> role = key_role_from(name)) {
      roles.insert(*role);
    } else {
      fields.fault("roles", fmt::format("must be of {}; \"{}\" is none", all_key_roles(),
                                        std::string_view(name).substr(0, 64)));
    }
  }
  if (names.empty() && fields.has("roles")) {
    fields.fault("roles", fmt::format("must have at least one of {}", all_key_roles()));
  }
  return roles;
}

std::vector<std::string> read_key_names(Fields& fields) {
  std::vector<std::string> patterns = fields.strings("names");
  if (patterns.size() > kMostNames) {
    fields.fault("names", fmt::format("must have at most {} elements", kMostNames));
  }
  if (!std::all_of(patterns.begin(), patterns.end(), is_pattern)) {
    fields.fault("names", fmt::format("must hold patterns of names, each 1 to {} bytes of one "
                                      "line; for any name leave the member out",
                                      kMostPattern));
  }
  return patterns;
}

std::map<std::string, std::string> read_key_labels(Fields& fields) {
  std::map<std::string, std::string> labels = fields.strings_by_key("labels");
  if (labels.size() > kMostKeyLabels) {
    fields.fault("labels", fmt::format("must have at most {} members", kMostKeyLabels));
  }
  for (const auto& [label, pattern] : labels) {
    if (!is_pattern(label) || !is_pattern(pattern)) {
      fields.fault("labels", fmt::format("must have names of labels, each with a pattern of its "
                                         "value, 1 to {} bytes of one line",
                                         kMostPattern));
    }
  }
  return labels;
}

/// None when its name or its key is none, which is then a fault.
std::optional<AllowedKey> read_allowed_key(const json::Value& value, std::string at,
                                           Faults& faults) {
  Fields fields(value, std::move(at), faults);
  fields.require("name");
  Result<KeyName> name = KeyName::parse(fields.string("name"));
  if (!name && value.at("name").string() != nullptr) {
    fields.fault("name", name.error().message);
  }
  fields.require("key");
  Result<PublicKey> key = read_public_key(fields, "key");
  std::set<KeyRole> roles = read_key_roles(fields);
  const KeyLimits limits = read_key_limits(fields, faults);
  std::vector<std::string> names = read_key_names(fields);
  std::map<std::string, std::string> labels = read_key_labels(fields);
  fields.finish();
  if (!name || !key) {
    return std::nullopt;
  }
  return AllowedKey{*std::move(name), *std::move(key),  std::move(roles),
                    limits,           std::move(names), std::move(labels)};
}

json::Value to_json(const AllowedKey& key) {
  json::Object object{{"name", key.name.str()}, {"key", key.key.str()}};
  json::Array roles;
  for (const KeyRole role : key.roles) {
    roles.emplace_back(to_string(role));
  }
  object.set("roles", std::move(roles));
  json::Object limits;
  for (const auto& [member, most] :
       {std::pair("jobs_per_second", key.limits.jobs_per_second),
        std::pair("queued", key.limits.queued), std::pair("message_kib", key.limits.message_kib)}) {
    if (most != 0) {
      limits.set(member, most);
    }
  }
  if (!limits.empty()) {
    object.set("limits", std::move(limits));
  }
  if (!key.names.empty()) {
    object.set("names", json::Array(key.names.begin(), key.names.end()));
  }
  if (!key.labels.empty()) {
    object.set("labels", object_of(key.labels));
  }
  return object;
}

}  // namespace

Result<> KeyNameKind::check(std::string_view text) {
  const bool fits = !text.empty() && text.size() <= 63 && is_alphanumeric(text.front()) &&
                    std::all_of(text.begin(), text.end(), [](char c) {
                      return is_alphanumeric(c) || c == '.' || c == '_' || c == '@' || c == '-';
                    });
  if (!fits) {
    return fail(Code::invalid,
                "\"{}\" is no name of a key: 1 to 63 of A-Z, a-z, 0-9, '.', '_', '@' and '-', the "
                "first a letter or digit",
                text.substr(0, 80));
  }
  if (text == kLocalSender) {
    return fail(Code::invalid,
                "\"{}\" is who comes over the node's own sockets: no key has "
                "that name",
                kLocalSender);
  }
  return {};
}

bool AllowedKey::may_touch(std::string_view thing) const {
  return names.empty() || std::any_of(names.begin(), names.end(), [&](const std::string& pattern) {
           return glob_match(pattern, thing);
         });
}

bool AllowedKey::may_touch(const std::map<std::string, std::string>& container_labels) const {
  return std::all_of(labels.begin(), labels.end(), [&](const auto& wanted) {
    const auto found = container_labels.find(wanted.first);
    return found != container_labels.end() && glob_match(wanted.second, found->second);
  });
}

Result<AllowList> AllowList::read(const json::Value& document) {
  return read(document, {});
}

Result<AllowList> AllowList::parse(std::string_view text) {
  const json::Value document = TRY(json::parse(text, {.max_bytes = kMostAllowListBytes}));
  return read(document, text);
}

Result<AllowList> AllowList::read(const json::Value& document, std::string_view text) {
  Faults faults(text);
  AllowList list;
  Fields fields(document, "", faults);
  fields.require("keys");
  fields.each("keys", kMostAllowedKeys, [&](const json::Value& value, std::string at) {
    std::optional<AllowedKey> key = read_allowed_key(value, at, faults);
    if (!key) {
      return;
    }
    if (const Result<> added = list.add(*std::move(key)); !added) {
      faults.add(std::move(at), added.error().message, &value);
    }
  });
  fields.finish();
  TRY(faults.result("the allow list is not accepted"));
  return list;
}

const AllowedKey* AllowList::find(const PublicKey& key) const {
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? nullptr : &keys_.at(found->second);
}

const AllowedKey* AllowList::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &keys_.at(found->second);
}

Result<> AllowList::add(AllowedKey key) {
  if (find(key.name.str()) != nullptr) {
    return fail(Code::conflict, "another key is called \"{}\" already", key.name.str());
  }
  if (const AllowedKey* other = find(key.key)) {
    return fail(Code::conflict,
                "the key of \"{}\" is that of \"{}\": each name has a key of its "
                "own",
                key.name.str(), other->name.str());
  }
  if (keys_.size() == kMostAllowedKeys) {
    return fail(Code::conflict, "{} keys are allowed already, which are the most",
                kMostAllowedKeys);
  }
  by_name_.emplace(key.name.str(), keys_.size());
  by_key_.emplace(key.key, keys_.size());
  keys_.push_back(std::move(key));
  return {};
}

Result<> AllowList::remove(std::string_view name) {
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) {
    return fail(Code::not_found, "no key is called \"{}\"", name.substr(0, 80));
  }
  keys_.erase(keys_.begin() + static_cast<std::ptrdiff_t>(found->second));
  by_name_.clear();
  by_key_.clear();
  for (std::size_t at = 0; at < keys_.size(); ++at) {
    by_name_.emplace(keys_[at].name.str(), at);
    by_key_.emplace(keys_[at].key, at);
  }
  return {};
}

json::Value AllowList::to_json() const {
  json::Array keys;
  for (const AllowedKey& key : keys_) {
    keys.push_back(drover::to_json(key));
  }
  return json::Object{{"keys", std::move(keys)}};
}

}  // namespace drover
