#include "agent/core/ids.h"

#include <sys/random.h>

#include <algorithm>
#include <array>

#include "agent/core/ascii.h"

namespace drover {
namespace {

Result<> check_label(std::string_view what, std::string_view text) {
  const bool fits = !text.empty() && text.size() <= 63 && text.front() != '-' &&
                    text.back() != '-' && std::all_of(text.begin(), text.end(), [](char c) {
                      return is_lower_or_digit(c) || c == '-';
                    });
  if (!fits) {
    return fail(Code::invalid,
                "\"{}\" is no {}: 1 to 63 of a-z, 0-9 and '-', with no '-' first or last",
                text.substr(0, 80), what);
  }
  return {};
}

}  // namespace

Result<> JobIdKind::check(std::string_view text) {
  const bool fits = !text.empty() && text.size() <= 64 && is_alphanumeric(text.front()) &&
                    std::all_of(text.begin(), text.end(), [](char c) {
                      return is_alphanumeric(c) || c == '.' || c == '_' || c == '-';
                    });
  if (!fits) {
    return fail(Code::invalid,
                "\"{}\" is no job id: 1 to 64 of A-Z, a-z, 0-9, '.', '_' and '-', the first a "
                "letter or digit",
                text.substr(0, 80));
  }
  return {};
}

Result<> ContainerNameKind::check(std::string_view text) {
  TRY(check_label("container name", text));
  if (std::all_of(text.begin(), text.end(), is_digit)) {
    return fail(Code::invalid,
                "\"{}\" is no container name: all digits are kept for Proxmox's guest numbers",
                text);
  }
  return {};
}

Result<> VolumeNameKind::check(std::string_view text) {
  return check_label("volume name", text);
}

Result<> NodeNameKind::check(std::string_view text) {
  return check_label("node name", text);
}

std::string make_uuid7(std::uint64_t unix_ms) {
  std::array<unsigned char, 16> bytes{};
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    std::abort();  // getrandom(2) never gives less for 256 bytes or fewer once it is seeded
  }
  for (std::size_t i = 0; i < 6; ++i) {
    bytes[i] = static_cast<unsigned char>(unix_ms >> (40 - 8 * i));
  }
  bytes[6] = static_cast<unsigned char>(0x70 | (bytes[6] & 0x0f));
  bytes[8] = static_cast<unsigned char>(0x80 | (bytes[8] & 0x3f));
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) {
      text += '-';
    }
    text += fmt::format("{:02x}", bytes[i]);
  }
  return text;
}

std::optional<std::int64_t> uuid7_time(std::string_view text) {
  constexpr std::string_view kForm = "xxxxxxxx-xxxx-7xxx-xxxx-xxxxxxxxxxxx";
  constexpr std::size_t kTimeEnd = 13;  // of 12 digits and a hyphen
  if (text.size() != kForm.size()) {
    return std::nullopt;
  }
  std::int64_t time = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (kForm[i] != 'x') {
      if (c != kForm[i]) {
        return std::nullopt;
      }
      continue;
    }
    const int lower = c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c;
    const bool letter = lower >= 'a' && lower <= 'f';
    if (!letter && !is_digit(c)) {
      return std::nullopt;
    }
    if (i < kTimeEnd) {
      time = time * 16 + (letter ? lower - 'a' + 10 : c - '0');
    }
  }
  return time;
}

}  // namespace drover
