// How values become members of a JSON object.
#pragma once

#include <string>
#include <string_view>

#include "agent/core/json.h"

namespace drover {

/// The member, unless it is "", which stands for its default.
inline void set_unless_empty(json::Object& object, std::string_view key, const std::string& text) {
  if (!text.empty()) {
    object.set(key, text);
  }
}

/// An object with the map's keys.
template <class Map>
json::Value object_of(const Map& map) {
  json::Object object;
  for (const auto& [key, value] : map) {
    object.append(key, value);
  }
  return object;
}

/// What `to_json` makes of each.
template <class Items>
json::Value array_of(const Items& items) {
  json::Array array;
  for (const auto& item : items) {
    array.push_back(to_json(item));
  }
  return array;
}

}  // namespace drover
