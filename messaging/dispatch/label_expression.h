// LabelExpression: what labels of a node, or of a container, must say.
//
//   role=web and not (zone=b or zone=c)
//   zone in (a, b) and has ssd and name~pve*
//
// `not` binds before `and`, and that before `or`. A label that is not there equals nothing: so
// `zone!=b` and `zone not in (b)` fit also what has no zone, and `not has zone` fits only that. `~`
// compares with a pattern (agent/core/glob.h). `name` is no label but the thing's own name. A word
// with other characters than A-Z a-z 0-9 . _ - / : @ +, and a word that is and, or, not, in or has,
// stands in quotes.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/result.h"

namespace drover::dispatch {

using Labels = std::map<std::string, std::string>;

/// In an expression the name of the thing; no node has a label of that name.
inline constexpr std::string_view kNameKey = "name";

inline constexpr std::size_t kMostExpression = 1024;     ///< bytes
inline constexpr std::size_t kMostExpressionDepth = 16;  ///< of `not` and () within each other
inline constexpr std::size_t kMostComparisons = 64;

/// One part of an expression.
struct LabelTerm {
  enum class Kind {
    all_of,    ///< every one of `parts`
    any_of,    ///< one of `parts`
    inverted,  ///< not the one of `parts`
    has,       ///< the label `key`, whatever it says
    one_of,    ///< `key` says one of `values`: = and in
    pattern,   ///< `key` fits `values.front()`
  };
  Kind kind = Kind::has;
  bool negated = false;  ///< of one_of and pattern: != !~ and not in
  std::string key{};
  std::vector<std::string> values{};
  std::vector<LabelTerm> parts{};

  bool operator==(const LabelTerm&) const = default;
};

class LabelExpression {
 public:
  /// `invalid`, with the position of the first fault (bytes, from 1) and what may stand there.
  static Result<LabelExpression> parse(std::string_view text);

  bool fits(std::string_view name, const Labels& labels) const;
  /// The expression in one way of writing it: parsed again it is equal to this.
  std::string str() const;

  bool operator==(const LabelExpression&) const = default;

 private:
  explicit LabelExpression(LabelTerm root) : root_(std::move(root)) {}
  LabelTerm root_;
};

}  // namespace drover::dispatch
