#include "runtimes/oci/spec_size.h"

#include <algorithm>
#include <string_view>

#include "runtimes/oci/spec.h"

namespace drover::runtimes {
namespace {

/// Each line is indented by the objects around the member.
constexpr std::size_t kIndentation = 8;

std::size_t written_bytes(const json::Value& value) {
  const std::string text = json::write_pretty(value);
  const auto lines = std::count(text.begin(), text.end(), '\n') + 1;
  return text.size() + static_cast<std::size_t>(lines) * kIndentation;
}

}  // namespace

Result<> check_spec_size(const ContainerSpec& spec, RuntimeKind kind) {
  constexpr std::size_t kMost = Spec::kMostBytes / 2;
  const json::Value all = to_json(spec);
  std::size_t sum = 0;
  std::size_t largest = 0;
  std::string_view name;
  for (const std::string_view member :
       {"env", "command", "args", "annotations", "sysctls", "oci"}) {
    const json::Value* value = all.find(member);
    const std::size_t bytes = value == nullptr ? 0 : written_bytes(*value);
    sum += bytes;
    if (bytes > largest) {
      largest = bytes;
      name = member;
    }
  }
  return sum <= kMost ? Result<>()
                      : fail(Code::refused,
                             "{}, {}: the spec takes {} bytes of the container's configuration, {} "
                             "of them by this, and at most {} can be had; give it less, or put it "
                             "into a file of a volume",
                             to_string(kind), name, sum, largest, kMost);
}

}  // namespace drover::runtimes
