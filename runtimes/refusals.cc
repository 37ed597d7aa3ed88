#include "runtimes/refusals.h"

#include <algorithm>

namespace drover::runtimes {

bool gives(const json::Value& spec, std::string_view member) {
  if (member.empty()) {
    return true;
  }
  const std::size_t dot = member.find('.');
  const std::string_view name = member.substr(0, dot);
  const std::string_view rest = dot == std::string_view::npos ? "" : member.substr(dot + 1);
  if (const json::Array* elements = spec.array()) {
    return std::any_of(elements->begin(), elements->end(), [&](const json::Value& element) {
      return gives(element, member) ||
             (element.at("type").string_or("") == name && gives(element, rest));
    });
  }
  const json::Value* value = spec.find(name);
  return value != nullptr && gives(*value, rest);
}

Result<> refuse_given(const ContainerSpec& spec, RuntimeKind kind,
                      std::span<const Refusal> refusals) {
  // Its own JSON leaves out what has its default.
  const json::Value given = to_json(spec);
  for (const Refusal& refusal : refusals) {
    if (gives(given, refusal.member)) {
      return fail(Code::refused, "{}, {}: {}", to_string(kind), refusal.member, refusal.why);
    }
  }
  return {};
}

}  // namespace drover::runtimes
