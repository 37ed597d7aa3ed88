#include "agent/core/event_position.h"

#include <algorithm>
#include <charconv>

#include "agent/core/ascii.h"

namespace drover {
namespace {

constexpr std::size_t kMostEpoch = 64;

bool may_be_epoch(std::string_view text) {
  return !text.empty() && text.size() <= kMostEpoch &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return is_alphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '+';
         });
}

}  // namespace

Result<EventPosition> parse_position(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  const std::size_t mark = colon == std::string_view::npos ? text.rfind('-') : colon;
  const bool has_epoch = mark != std::string_view::npos;
  const std::string_view epoch = has_epoch ? text.substr(0, mark) : std::string_view();
  const std::string_view number = has_epoch ? text.substr(mark + 1) : text;
  // As large as the number of a row may be.
  std::int64_t seq = -1;
  const auto [end, fault] = std::from_chars(number.data(), number.data() + number.size(), seq);
  if (fault != std::errc() || end != number.data() + number.size() || seq < 0 ||
      (has_epoch && !may_be_epoch(epoch))) {
    return fail(Code::invalid, "\"{}\" is neither EPOCH:SEQ nor the number of an event",
                text.substr(0, 80));
  }
  return EventPosition{std::string(epoch), static_cast<std::uint64_t>(seq)};
}

std::string to_string(const EventPosition& position) {
  return position.epoch.empty() ? fmt::format("{}", position.seq)
                                : fmt::format("{}:{}", position.epoch, position.seq);
}

}  // namespace drover
