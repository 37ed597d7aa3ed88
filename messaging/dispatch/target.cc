#include "messaging/dispatch/target.h"

#include <algorithm>

#include "agent/core/glob.h"
#include "agent/core/ids.h"

namespace drover::dispatch {
namespace {

/// A node's name, or a pattern that could fit one.
Result<> check_name(std::string_view name, std::size_t position) {
  std::string plain(name);
  std::replace_if(
      plain.begin(), plain.end(), [](char c) { return c == '*' || c == '?'; }, 'x');
  if (!NodeName::parse(plain)) {
    return fail(Code::invalid,
                "target, position {}: \"{}\" is neither a node's name nor a pattern of them: 1 to "
                "63 of a-z, 0-9, '-', '*' and '?', with no '-' first or last",
                position, name.substr(0, 80));
  }
  return {};
}

}  // namespace

Result<Target> Target::parse(std::string_view text) {
  if (text.size() > kMostTarget) {
    return fail(Code::invalid, "the target has {} bytes; {} are the most", text.size(),
                kMostTarget);
  }
  if (text == "all") {
    return Target(Kind::all);
  }
  if (text == "any") {
    return Target(Kind::any);
  }
  if (text.find_first_of(" =!~()\"") == std::string_view::npos) {
    return parse_names(text);
  }
  Target target(Kind::labels);
  target.labels_ = TRY(LabelExpression::parse(text).context("target"));
  return target;
}

Result<Target> Target::parse_names(std::string_view text) {
  Target target(Kind::names);
  std::size_t begin = 0;
  for (;;) {
    const std::string_view name = text.substr(begin, text.find(',', begin) - begin);
    TRY(check_name(name, begin + 1));
    if (std::find(target.names_.begin(), target.names_.end(), name) != target.names_.end()) {
      return fail(Code::invalid, "target, position {}: \"{}\" stands twice", begin + 1, name);
    }
    target.names_.emplace_back(name);
    begin += name.size();
    if (begin == text.size()) {
      break;
    }
    ++begin;  // the comma
  }
  return target;
}

bool Target::fits(std::string_view node, const Labels& labels) const {
  switch (kind_) {
    case Kind::all:
    case Kind::any:
      return true;
    case Kind::labels:
      return labels_->fits(node, labels);
    case Kind::names:
      break;
  }
  return std::any_of(names_.begin(), names_.end(),
                     [node](const std::string& name) { return glob_match(name, node); });
}

std::vector<std::string> Target::unknown(const std::vector<std::string>& nodes) const {
  std::vector<std::string> unknown;
  for (const std::string& name : names_) {
    if (std::none_of(nodes.begin(), nodes.end(),
                     [&name](const std::string& node) { return glob_match(name, node); })) {
      unknown.push_back(name);
    }
  }
  return unknown;
}

std::string Target::str() const {
  switch (kind_) {
    case Kind::all:
      return "all";
    case Kind::any:
      return "any";
    case Kind::labels:
      return labels_->str();
    case Kind::names:
      break;
  }
  std::string text;
  for (const std::string& name : names_) {
    text += (text.empty() ? "" : ",") + name;
  }
  return text;
}

}  // namespace drover::dispatch
