#include "tests/pve-sim/pending.h"

#include <set>
#include <utility>

namespace drover::pve_sim {
namespace {

constexpr std::string_view kPending = "pending";
constexpr std::string_view kDelete = "delete";

json::Object object_in(const json::Object& parent, std::string_view key) {
  const json::Value* const value = parent.find(key);
  return value == nullptr || value->object() == nullptr ? json::Object() : *value->object();
}

}  // namespace

bool is_hotplugged_when_deleted(std::string_view key) {
  static const std::set<std::string_view> keys{
      "description", "onboot", "startup", "protection", "hostname", "hookscript",
      "cores",       "tags",   "lock",    "swap",       "cpulimit", "cpuunits"};
  return keys.contains(key) || key.starts_with("net") || key.starts_with("unused");
}

bool is_hotplugged(std::string_view key) {
  return is_hotplugged_when_deleted(key) || key == "memory" || key.starts_with("mp");
}

json::Object with_pending(json::Object config) {
  const json::Object pending = object_in(config, kPending);
  for (const auto& [key, value] : pending) {
    if (key != kDelete) {
      config.set(key, value);
    }
  }
  const json::Object deleted = object_in(pending, kDelete);
  for (const auto& [key, value] : deleted) {
    config.erase(key);
  }
  config.erase(kPending);
  return config;
}

json::Object without_pending(json::Object config) {
  config.erase(kPending);
  return config;
}

void set_pending(json::Object& config, std::string_view key, json::Value value) {
  revert_pending(config, key);
  json::Object pending = object_in(config, kPending);
  if (value.is_null()) {
    json::Object deleted = object_in(pending, kDelete);
    deleted.set(key, 1);
    pending.set(kDelete, std::move(deleted));
  } else {
    pending.set(key, std::move(value));
  }
  config.set(kPending, std::move(pending));
}

void revert_pending(json::Object& config, std::string_view key) {
  json::Object pending = object_in(config, kPending);
  json::Object deleted = object_in(pending, kDelete);
  deleted.erase(key);
  pending.erase(key);
  pending.erase(kDelete);
  if (!deleted.empty()) {
    pending.set(kDelete, std::move(deleted));
  }
  config.erase(kPending);
  if (!pending.empty()) {
    config.set(kPending, std::move(pending));
  }
}

json::Array pending_list(const json::Object& config, const std::string& digest) {
  const json::Object pending = object_in(config, kPending);
  const json::Object deleted = object_in(pending, kDelete);
  json::Array list;
  for (const auto& [key, value] : config) {
    if (key == kPending || key == "snapshots") {
      continue;
    }
    json::Object item{{"key", key}, {"value", value}};
    if (const json::Value* other = pending.find(key)) {
      item.set("pending", *other);
    }
    if (deleted.find(key) != nullptr) {
      item.set("delete", 1);
    }
    list.emplace_back(std::move(item));
  }
  for (const auto& [key, value] : pending) {
    if (key != kDelete && config.find(key) == nullptr) {
      list.emplace_back(json::Object{{"key", key}, {"pending", value}});
    }
  }
  list.emplace_back(json::Object{{"key", "digest"}, {"value", digest}});
  return list;
}

}  // namespace drover::pve_sim
