#include "messaging/dispatch/expression_words.h"

#include <algorithm>
#include <array>

#include "agent/core/ascii.h"

namespace drover::dispatch {
namespace {

constexpr std::array<std::string_view, 5> kKeywords = {"and", "or", "not", "in", "has"};

bool is_bare(char c) {
  return is_alphanumeric(c) || std::string_view("._-/:@+*?").find(c) != std::string_view::npos;
}

}  // namespace

bool is_keyword(std::string_view text) {
  return std::find(kKeywords.begin(), kKeywords.end(), text) != kKeywords.end();
}

std::string written_word(std::string_view text) {
  const bool bare = !text.empty() && std::all_of(text.begin(), text.end(), is_bare) &&
                    !is_keyword(text) && text.find_first_of("*?") == std::string_view::npos;
  if (bare) {
    return std::string(text);
  }
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
    }
    quoted += c;
  }
  return quoted + '"';
}

Result<Word> ExpressionWords::take() {
  while (next_ < text_.size() && text_[next_] == ' ') {
    ++next_;
  }
  const std::size_t position = next_ + 1;
  if (next_ == text_.size()) {
    return Word{Word::Kind::end, "", position};
  }
  const char first = text_[next_];
  if (first == '"') {
    return quoted();
  }
  if (first == '!' && next_ + 1 < text_.size() &&
      (text_[next_ + 1] == '=' || text_[next_ + 1] == '~')) {
    next_ += 2;
    return Word{Word::Kind::sign, std::string(text_.substr(next_ - 2, 2)), position};
  }
  if (std::string_view("=~(),").find(first) != std::string_view::npos) {
    ++next_;
    return Word{Word::Kind::sign, std::string(1, first), position};
  }
  std::size_t end = next_;
  while (end < text_.size() && is_bare(text_[end])) {
    ++end;
  }
  if (end == next_) {
    return fail(Code::invalid,
                "position {}: this character stands only within quotes; words are of A-Z, a-z, 0-9 "
                "and . _ - / : @ + * ?, and != and !~ are the only signs with a !",
                position);
  }
  if (end - next_ > kMostWord) {
    return fail(Code::invalid, "position {}: a word of {} bytes; {} are the most", position,
                end - next_, kMostWord);
  }
  Word word{Word::Kind::bare, std::string(text_.substr(next_, end - next_)), position};
  next_ = end;
  return word;
}

Result<Word> ExpressionWords::quoted() {
  Word word{Word::Kind::quoted, "", next_ + 1};
  for (std::size_t at = next_ + 1; at < text_.size(); ++at) {
    const char c = text_[at];
    if (c == '"') {
      if (word.text.size() > kMostWord) {
        return fail(Code::invalid, "position {}: a word of {} bytes; {} are the most",
                    word.position, word.text.size(), kMostWord);
      }
      next_ = at + 1;
      return word;
    }
    if (is_control(c)) {
      return fail(Code::invalid, "position {}: a control character within quotes", at + 1);
    }
    if (c == '\\') {
      ++at;
      if (at == text_.size() || (text_[at] != '"' && text_[at] != '\\')) {
        return fail(Code::invalid,
                    "position {}: behind a backslash stands a quote or another backslash", at + 1);
      }
    }
    word.text += text_[at];
  }
  return fail(Code::invalid, "position {}: this quote has no end", word.position);
}

}  // namespace drover::dispatch
