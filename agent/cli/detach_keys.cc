#include "agent/cli/detach_keys.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace drover::cli {
namespace {

std::optional<char> key_from(std::string_view name) {
  constexpr std::string_view kControl = "ctrl-";
  if (name.size() == 1) {
    return name.front();
  }
  if (name.size() != kControl.size() + 1 || !name.starts_with(kControl)) {
    return std::nullopt;
  }
  const char key = name.back();
  if (key >= 'a' && key <= 'z') {
    return static_cast<char>(key - 'a' + 1);
  }
  if (key == '@' || (key >= '[' && key <= '_')) {
    return static_cast<char>(key - '@');
  }
  return std::nullopt;
}

}  // namespace

Result<DetachKeys> DetachKeys::parse(std::string_view text) {
  DetachKeys keys;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const std::optional<char> key = key_from(text.substr(0, comma));
    if (!key || comma + 1 == text.size()) {
      return fail(Code::invalid,
                  "--detach-keys: \"{}\" are no keys: they are characters, or ctrl- and one of a-z "
                  "@ [ \\ ] ^ _, with commas between, as {}",
                  text, kUsual);
    }
    keys.keys_ += *key;
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return keys;
}

std::string DetachKeys::pass(std::string_view typed) {
  std::string passed;
  for (const char key : typed) {
    if (complete()) {
      break;
    }
    if (matched_ < keys_.size() && key == keys_[matched_]) {
      ++matched_;
      continue;
    }
    passed += keys_.substr(0, std::exchange(matched_, 0));
    if (!keys_.empty() && key == keys_.front()) {
      matched_ = 1;
    } else {
      passed += key;
    }
  }
  return passed;
}

}  // namespace drover::cli
