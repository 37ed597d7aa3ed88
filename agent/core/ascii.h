// Kinds of characters, whatever the locale is.
#pragma once

namespace drover {

constexpr bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
constexpr bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
constexpr bool is_letter(char c) {
  return is_lower(c) || is_upper(c);
}
constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
constexpr bool is_lower_or_digit(char c) {
  return is_lower(c) || is_digit(c);
}
constexpr bool is_alphanumeric(char c) {
  return is_letter(c) || is_digit(c);
}
/// What no line of text holds; bytes of other letters (UTF-8) are none.
constexpr bool is_control(char c) {
  return (c >= 0 && c < ' ') || c == 0x7f;
}

}  // namespace drover
