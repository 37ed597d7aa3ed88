// Target: which nodes a job, or a batch of them, is for: the member "to" of a header.
//
//   all                            every node
//   any                            one of them, which the dispatcher chooses
//   pve1   pve1,pve2   pve*,edge1  nodes by their names, and by patterns of them
//   role=web and not zone=b        nodes by their labels (label_expression.h)
//
// A text with a space or one of = ! ~ ( ) " is an expression, every other one is of names. A node
// that is called all or any is name=all.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/result.h"
#include "messaging/dispatch/label_expression.h"

namespace drover::dispatch {

/// Most bytes of a target: a header, which holds it, has 4096.
inline constexpr std::size_t kMostTarget = 2048;

class Target {
 public:
  enum class Kind { all, any, names, labels };

  /// `invalid`, with the position of the first fault (bytes, from 1).
  static Result<Target> parse(std::string_view text);

  Kind kind() const { return kind_; }
  /// Whether the node is one of them; of `any`, whether it may be chosen: every one may.
  bool fits(std::string_view node, const Labels& labels) const;
  /// The names and patterns that fit none of these nodes, as they were given. A job for them is
  /// for somebody who is not there, or is written wrong, so that the sender is told.
  std::vector<std::string> unknown(const std::vector<std::string>& nodes) const;
  /// The target in one way of writing it: parsed again it is equal to this.
  std::string str() const;

  bool operator==(const Target&) const = default;

 private:
  explicit Target(Kind kind) : kind_(kind) {}
  static Result<Target> parse_names(std::string_view text);

  Kind kind_;
  std::vector<std::string> names_{};
  std::optional<LabelExpression> labels_{};
};

}  // namespace drover::dispatch
