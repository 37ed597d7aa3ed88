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

}  // namespace drover
