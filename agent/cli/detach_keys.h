// DetachKeys: what is typed to leave a program without ending it.
#pragma once

#include <string>
#include <string_view>

#include "agent/core/result.h"

namespace drover::cli {

class DetachKeys {
 public:
  static constexpr const char* kUsual = "ctrl-p,ctrl-q";

  /// Keys with commas between: a character, or "ctrl-" and one of a to z, @, [, \, ], ^ and _. None
  /// for "", which leaves no way out. `invalid` for anything else.
  static Result<DetachKeys> parse(std::string_view text);

  /// What of the typed bytes is the program's. Keys that may be the beginning of the sequence are
  /// held back until it is known; behind the whole of it nothing is passed.
  std::string pass(std::string_view typed);
  /// The whole of it was typed.
  bool complete() const { return !keys_.empty() && matched_ == keys_.size(); }

 private:
  std::string keys_;
  std::size_t matched_ = 0;
};

}  // namespace drover::cli
