#include "agent/core/oci_patch.h"

#include <algorithm>

namespace drover {
namespace {

constexpr std::size_t kMostBytes = std::size_t{64} << 10;
constexpr std::size_t kMostDepth = 16;

/// `depth` or less objects and arrays within each other.
bool is_within(const json::Value& value, std::size_t depth) {
  if (const json::Array* array = value.array()) {
    return depth > 0 && std::all_of(array->begin(), array->end(), [depth](const json::Value& one) {
             return is_within(one, depth - 1);
           });
  }
  if (const json::Object* object = value.object()) {
    return depth > 0 &&
           std::all_of(object->begin(), object->end(), [depth](const json::Member& member) {
             return is_within(member.second, depth - 1);
           });
  }
  return true;
}

bool is_covered(std::string_view place, const std::vector<std::string>& pointers) {
  return std::any_of(pointers.begin(), pointers.end(), [place](const std::string& pointer) {
    return place.starts_with(pointer) &&
           (place.size() == pointer.size() || place[pointer.size()] == '/');
  });
}

/// `changed` stands at `place`.
std::optional<std::string> first_beside(const json::Value& changed, std::string place,
                                        const std::vector<std::string>& pointers) {
  if (is_covered(place, pointers)) {
    return std::nullopt;
  }
  const json::Object* object = changed.object();
  if (object == nullptr || object->begin() == object->end()) {
    return place;
  }
  for (const auto& [key, value] : *object) {
    if (auto beside = first_beside(value, json::pointer_join(place, key), pointers)) {
      return beside;
    }
  }
  return std::nullopt;
}

}  // namespace

json::Object read_oci_patch(Fields& spec) {
  const json::Value* patch = spec.any("oci");
  if (patch == nullptr) {
    return {};
  }
  if (patch->object() == nullptr) {
    spec.fault("oci", "must be an object: a merge patch (RFC 7396) for the OCI configuration");
    return {};
  }
  if (!is_within(*patch, kMostDepth)) {
    spec.fault("oci", fmt::format("must have at most {} objects and arrays within each other",
                                  kMostDepth));
    return {};
  }
  if (json::write(*patch).size() > kMostBytes) {
    spec.fault("oci", fmt::format("must be at most {} bytes", kMostBytes));
    return {};
  }
  return *patch->object();
}

std::optional<std::string> patched_beside(const json::Object& patch,
                                          const std::vector<std::string>& pointers) {
  for (const auto& [key, value] : patch) {
    if (auto beside = first_beside(value, json::pointer_join("", key), pointers)) {
      return beside;
    }
  }
  return std::nullopt;
}

}  // namespace drover
