#include "agent/core/signal_name.h"

#include <sys/signal.h>

#include <charconv>
#include <csignal>
#include <cstring>

namespace drover {

std::optional<int> signal_from(std::string_view text) {
  const auto number_of = [](std::string_view digits) -> std::optional<int> {
    int number = 0;
    const auto [stop, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), number);
    return error == std::errc() && stop == digits.data() + digits.size() && !digits.empty()
               ? std::optional<int>(number)
               : std::nullopt;
  };
  if (const std::optional<int> number = number_of(text)) {
    return *number >= 1 && *number <= 64 ? number : std::nullopt;
  }
  if (text.starts_with("SIG")) {
    text.remove_prefix(3);
  }
  // The kernel's real-time range starts at 32; glibc keeps the first two, so "RTMIN" is 34 to it
  // and to every init that documents RTMIN+3.
  constexpr int kRtMin = 34;
  if (text.starts_with("RTMIN")) {
    const std::string_view rest = text.substr(5);
    if (rest.empty()) {
      return kRtMin;
    }
    const std::optional<int> plus = rest.front() == '+' ? number_of(rest.substr(1)) : std::nullopt;
    return plus && *plus >= 0 && *plus <= 64 - kRtMin ? std::optional<int>(kRtMin + *plus)
                                                      : std::nullopt;
  }
  for (int number = 1; number < 32; ++number) {
    if (const char* name = sigabbrev_np(number); name != nullptr && text == name) {
      return number;
    }
  }
  return std::nullopt;
}

}  // namespace drover
