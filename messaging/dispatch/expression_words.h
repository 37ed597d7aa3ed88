// Words of a label expression: what its text is made of, each with its place.
#pragma once

#include <string>
#include <string_view>

#include "agent/core/result.h"

namespace drover::dispatch {

/// Most bytes of a word: of a label's name, and of a value.
inline constexpr std::size_t kMostWord = 255;

struct Word {
  enum class Kind {
    bare,    ///< as it stands: of A-Z a-z 0-9 . _ - / : @ + * ?
    quoted,  ///< what stood between "", where \" is a quote and \\ a backslash
    sign,    ///< = != ~ !~ ( ) ,
    end,
  };
  Kind kind = Kind::end;
  std::string text{};
  std::size_t position = 1;  ///< of its first byte, counted from 1

  bool is(std::string_view bare_or_sign) const {
    return (kind == Kind::bare || kind == Kind::sign) && text == bare_or_sign;
  }
};

/// Takes one word after the other off a text, which must outlive this.
class ExpressionWords {
 public:
  explicit ExpressionWords(std::string_view text) : text_(text) {}

  /// The next word, of kind `end` behind the last one. `invalid`, with the position, for a
  /// character that is part of none, a quote without its end, and a word that is empty or too long.
  Result<Word> take();

 private:
  Result<Word> quoted();

  std::string_view text_;
  std::size_t next_ = 0;
};

/// The word as an expression has it: bare where that says the same, else in quotes.
std::string written_word(std::string_view text);
/// Whether a word says more than itself: and, or, not, in, has.
bool is_keyword(std::string_view text);

}  // namespace drover::dispatch
