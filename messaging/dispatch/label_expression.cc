#include "messaging/dispatch/label_expression.h"

#include <algorithm>
#include <utility>

#include "agent/core/glob.h"
#include "messaging/dispatch/expression_words.h"

namespace drover::dispatch {
namespace {

std::string shown(const Word& word) {
  return word.kind == Word::Kind::end
             ? "the end"
             : fmt::format("\"{}\"", std::string_view(word.text).substr(0, 40));
}

/// Reads an expression by recursive descent, as deep as kMostExpressionDepth allows.
class ExpressionReader {
 public:
  explicit ExpressionReader(std::string_view text) : words_(text) {}

  Result<LabelTerm> read() {
    TRY(step());
    LabelTerm term = TRY(alternatives());
    if (now_.kind != Word::Kind::end) {
      return unexpected("\"and\", \"or\" or the end");
    }
    return term;
  }

 private:
  Result<> step() {
    now_ = TRY(words_.take());
    return {};
  }

  Failure unexpected(std::string_view wanted) const {
    return fail(Code::invalid, "position {}: here must stand {}, not {}", now_.position, wanted,
                shown(now_));
  }

  /// Parts with `word` between them; what is of the same kind by its own () is joined with them.
  template <class Part>
  Result<LabelTerm> joined(LabelTerm::Kind kind, std::string_view word, const Part& part) {
    LabelTerm whole{kind};
    for (;;) {
      LabelTerm next = TRY(part());
      if (next.kind == kind) {
        std::move(next.parts.begin(), next.parts.end(), std::back_inserter(whole.parts));
      } else {
        whole.parts.push_back(std::move(next));
      }
      if (!now_.is(word)) {
        break;
      }
      TRY(step());
    }
    if (whole.parts.size() == 1) {
      LabelTerm only = std::move(whole.parts.front());
      return only;
    }
    return whole;
  }

  Result<LabelTerm> alternatives() {
    return joined(LabelTerm::Kind::any_of, "or", [this] {
      return joined(LabelTerm::Kind::all_of, "and", [this] { return factor(); });
    });
  }

  Result<LabelTerm> factor() {
    if (now_.is("not") || now_.is("(")) {
      if (depth_ == kMostExpressionDepth) {
        return fail(Code::invalid,
                    "position {}: \"not\" and parentheses stand in each other {} deep at most",
                    now_.position, kMostExpressionDepth);
      }
      ++depth_;
      const bool inverts = now_.is("not");
      TRY(step());
      LabelTerm inner = TRY(inverts ? factor() : alternatives());
      --depth_;
      if (inverts) {
        LabelTerm outer{LabelTerm::Kind::inverted};
        outer.parts.push_back(std::move(inner));
        return outer;
      }
      if (!now_.is(")")) {
        return unexpected("\"and\", \"or\" or \")\"");
      }
      TRY(step());
      return inner;
    }
    return comparison();
  }

  /// A label's name or value, and goes on to the next word.
  Result<std::string> word(std::string_view what, bool is_pattern = false) {
    const bool bare = now_.kind == Word::Kind::bare && !is_keyword(now_.text);
    if (!bare && now_.kind != Word::Kind::quoted) {
      return unexpected(what);
    }
    if (bare && !is_pattern && now_.text.find_first_of("*?") != std::string::npos) {
      return fail(Code::invalid,
                  "position {}: a pattern is compared with ~ and not with =; * and ? that mean "
                  "themselves stand in quotes",
                  now_.position);
    }
    std::string text = std::move(now_.text);
    TRY(step());
    return text;
  }

  Result<LabelTerm> comparison() {
    if (++comparisons_ > kMostComparisons) {
      return fail(Code::invalid, "position {}: {} comparisons are the most", now_.position,
                  kMostComparisons);
    }
    LabelTerm term;
    if (now_.is("has")) {
      TRY(step());
      term.key = TRY(key("the name of a label"));
      return term;
    }
    term.key = TRY(key("\"not\", \"has\", \"(\" or the name of a label"));
    if (now_.is("in") || now_.is("not")) {
      term.negated = now_.is("not");
      if (term.negated) {
        TRY(step());
        if (!now_.is("in")) {
          return unexpected("\"in\"");
        }
      }
      TRY(step());
      return values(std::move(term));
    }
    const bool equals = now_.is("=") || now_.is("!=");
    if (!equals && !now_.is("~") && !now_.is("!~")) {
      return unexpected("=, !=, ~, !~, \"in\" or \"not in\" behind a label's name");
    }
    term.kind = equals ? LabelTerm::Kind::one_of : LabelTerm::Kind::pattern;
    term.negated = now_.text.front() == '!';
    TRY(step());
    std::string value = TRY(word("a value", !equals));
    term.values.push_back(std::move(value));
    return term;
  }

  Result<std::string> key(std::string_view wanted) {
    const std::size_t position = now_.position;
    std::string text = TRY(word(wanted));
    if (text.empty()) {
      return fail(Code::invalid, "position {}: a label's name is not empty", position);
    }
    return text;
  }

  Result<LabelTerm> values(LabelTerm term) {
    term.kind = LabelTerm::Kind::one_of;
    if (!now_.is("(")) {
      return unexpected("\"(\" and values with commas between");
    }
    do {
      TRY(step());
      if (++comparisons_ > kMostComparisons) {
        return fail(Code::invalid, "position {}: {} comparisons are the most", now_.position,
                    kMostComparisons);
      }
      std::string value = TRY(word("a value"));
      term.values.push_back(std::move(value));
    } while (now_.is(","));
    if (!now_.is(")")) {
      return unexpected("\",\" or \")\"");
    }
    TRY(step());
    return term;
  }

  ExpressionWords words_;
  Word now_;
  std::size_t depth_ = 0;
  std::size_t comparisons_ = 0;
};

// As deep as the term is: twice kMostExpressionDepth, because each () may hold `or` and `and`.
bool term_fits(const LabelTerm& term, std::string_view name, const Labels& labels) {
  const auto part_fits = [&](const LabelTerm& part) { return term_fits(part, name, labels); };
  switch (term.kind) {
    case LabelTerm::Kind::all_of:
      return std::all_of(term.parts.begin(), term.parts.end(), part_fits);
    case LabelTerm::Kind::any_of:
      return std::any_of(term.parts.begin(), term.parts.end(), part_fits);
    case LabelTerm::Kind::inverted:
      return !part_fits(term.parts.front());
    default:
      break;
  }
  const auto label = labels.find(term.key);
  const bool is_name = term.key == kNameKey;
  const bool there = is_name || label != labels.end();
  if (term.kind == LabelTerm::Kind::has || !there) {
    return there != term.negated;
  }
  const std::string_view says = is_name ? name : std::string_view(label->second);
  const bool holds =
      term.kind == LabelTerm::Kind::pattern
          ? glob_match(term.values.front(), says)
          : std::find(term.values.begin(), term.values.end(), says) != term.values.end();
  return holds != term.negated;
}

std::string written_term(const LabelTerm& term);

/// Within `and` or `not`, which bind before it.
std::string written_part(const LabelTerm& part) {
  const bool parted = part.kind == LabelTerm::Kind::any_of || part.kind == LabelTerm::Kind::all_of;
  return parted ? "(" + written_term(part) + ")" : written_term(part);
}

std::string written_pattern(const std::string& text) {
  std::string plain = text;
  std::replace_if(
      plain.begin(), plain.end(), [](char c) { return c == '*' || c == '?'; }, '-');
  return written_word(plain) == plain ? text : written_word(text);
}

std::string written_term(const LabelTerm& term) {
  switch (term.kind) {
    case LabelTerm::Kind::all_of:
    case LabelTerm::Kind::any_of: {
      const bool all = term.kind == LabelTerm::Kind::all_of;
      std::string text;
      for (const LabelTerm& part : term.parts) {
        text += text.empty() ? "" : all ? " and " : " or ";
        text += all ? written_part(part) : written_term(part);
      }
      return text;
    }
    case LabelTerm::Kind::inverted:
      return "not " + written_part(term.parts.front());
    case LabelTerm::Kind::has:
      return "has " + written_word(term.key);
    case LabelTerm::Kind::pattern:
      return written_word(term.key) + (term.negated ? "!~" : "~") +
             written_pattern(term.values.front());
    case LabelTerm::Kind::one_of:
      break;
  }
  if (term.values.size() == 1) {
    return written_word(term.key) + (term.negated ? "!=" : "=") + written_word(term.values.front());
  }
  std::string text = written_word(term.key) + (term.negated ? " not in (" : " in (");
  for (const std::string& value : term.values) {
    text += (&value == &term.values.front() ? "" : ", ") + written_word(value);
  }
  return text + ")";
}

}  // namespace

Result<LabelExpression> LabelExpression::parse(std::string_view text) {
  if (text.size() > kMostExpression) {
    return fail(Code::invalid, "the label expression has {} bytes; {} are the most", text.size(),
                kMostExpression);
  }
  LabelTerm root = TRY(ExpressionReader(text).read().context("label expression"));
  return LabelExpression(std::move(root));
}

bool LabelExpression::fits(std::string_view name, const Labels& labels) const {
  return term_fits(root_, name, labels);
}

std::string LabelExpression::str() const {
  return written_term(root_);
}

}  // namespace drover::dispatch
