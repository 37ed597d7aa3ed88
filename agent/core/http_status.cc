#include "agent/core/http_status.h"

#include <algorithm>

#include "agent/core/ascii.h"

namespace drover {

std::optional<int> http_status(std::string_view text) {
  constexpr std::string_view kVersion = "HTTP/1.";
  constexpr std::size_t kStatusAt = kVersion.size() + 2;  // behind the minor version and a space
  constexpr std::size_t kDigits = 3;
  std::string_view line = text.substr(0, text.find('\n'));
  if (line.ends_with('\r')) {
    line.remove_suffix(1);
  }
  if (!line.starts_with(kVersion) || line.size() < kStatusAt + kDigits ||
      !is_digit(line[kVersion.size()]) || line[kStatusAt - 1] != ' ') {
    return std::nullopt;
  }
  const std::string_view digits = line.substr(kStatusAt, kDigits);
  const std::string_view rest = line.substr(kStatusAt + kDigits);
  if (!std::all_of(digits.begin(), digits.end(), is_digit) ||
      !(rest.empty() || rest.front() == ' ')) {
    return std::nullopt;
  }
  const int status = (digits[0] - '0') * 100 + (digits[1] - '0') * 10 + (digits[2] - '0');
  return status >= 100 && status <= 599 ? std::optional<int>(status) : std::nullopt;
}

}  // namespace drover
