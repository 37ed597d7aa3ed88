#include "agent/core/terminal_size.h"

#include <limits>

namespace drover {

std::optional<TerminalSize> read_terminal(Fields& fields, Faults& faults, std::string_view key) {
  const json::Value* const given = fields.any(key);
  if (given == nullptr) {
    return std::nullopt;
  }
  if (const bool* const wanted = given->boolean()) {
    return *wanted ? std::optional(TerminalSize{}) : std::nullopt;
  }
  if (given->object() == nullptr) {
    fields.fault(key, "must be true, false or an object with columns and rows");
    return std::nullopt;
  }
  TerminalSize size;
  fields.object(key, [&](const json::Value& value, std::string at) {
    Fields members(value, std::move(at), faults);
    const auto length = [&members](std::string_view name, std::uint16_t usual) {
      return static_cast<std::uint16_t>(
          members.integer(name, usual, 1, std::numeric_limits<std::uint16_t>::max()));
    };
    size.columns = length("columns", size.columns);
    size.rows = length("rows", size.rows);
    members.finish();
  });
  return size;
}

json::Value to_json(const TerminalSize& size) {
  return json::Object{{"columns", std::int64_t{size.columns}}, {"rows", std::int64_t{size.rows}}};
}

}  // namespace drover
