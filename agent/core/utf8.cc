#include "agent/core/utf8.h"

namespace drover {
namespace {

/// Bytes of the character that `text` starts with; 0 when it starts with none.
std::size_t character(std::string_view text) {
  const auto at = [text](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const unsigned first = at(0);
  if (first < 0x80) {
    return 1;
  }
  const std::size_t size = first >= 0xc2 && first < 0xe0   ? 2
                           : first >= 0xe0 && first < 0xf0 ? 3
                           : first >= 0xf0 && first < 0xf5 ? 4
                                                           : 0;
  // The second byte's range keeps out long forms, surrogates and what lies beyond U+10FFFF.
  const unsigned least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  const unsigned most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  if (size == 0 || at(1) < least || at(1) > most) {
    return 0;
  }
  for (std::size_t i = 2; i < size; ++i) {
    if (at(i) < 0x80 || at(i) > 0xbf) {
      return 0;
    }
  }
  return size;
}

}  // namespace

std::size_t utf8_prefix(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t size = character(text.substr(at));
    if (size == 0) {
      break;
    }
    at += size;
  }
  return at;
}

std::string repair_utf8(std::string_view text) {
  std::string repaired;
  for (;;) {
    const std::size_t good = utf8_prefix(text);
    repaired += text.substr(0, good);
    text.remove_prefix(good);
    if (text.empty()) {
      return repaired;
    }
    repaired += "\xef\xbf\xbd";
    text.remove_prefix(1);
  }
}

}  // namespace drover
