#include "agent/core/fields.h"

#include <algorithm>
#include <numeric>

namespace drover {
namespace {

constexpr std::size_t kMostFaults = 100;

/// Single-character edits between two names (Levenshtein), for the hint.
std::size_t edits(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t above = row[j + 1];
      row[j + 1] = std::min({above + 1, row[j] + 1, diagonal + (a[i] == b[j] ? 0U : 1U)});
      diagonal = above;
    }
  }
  return row.back();
}

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    text += (text.empty() ? "" : ", ") + name;
  }
  return text;
}

std::string unknown_hint(std::string_view key, const std::vector<std::string>& known) {
  if (key.size() <= 64) {
    const auto nearest = std::min_element(
        known.begin(), known.end(),
        [key](const auto& a, const auto& b) { return edits(key, a) < edits(key, b); });
    if (nearest != known.end() && edits(key, *nearest) <= 1 + key.size() / 4) {
      return fmt::format("unknown field; did you mean \"{}\"?", *nearest);
    }
  }
  return fmt::format("unknown field; known are {}", listed(known));
}

}  // namespace

void Faults::add(std::string pointer, std::string message, const json::Value* at) {
  if (faults_.size() == kMostFaults) {
    return;
  }
  const bool located = at != nullptr && at->offset() != 0 && !text_.empty();
  faults_.push_back(Fault{std::move(pointer), std::move(message),
                          located ? json::line_of(text_, at->offset()) : 0});
}

Result<> Faults::result(std::string_view message) {
  if (faults_.empty()) {
    return {};
  }
  return Failure(Error{Code::invalid, std::string(message), take()});
}

Fields::Fields(const json::Value& value, std::string pointer, Faults& faults)
    : value_(value), pointer_(std::move(pointer)), faults_(faults) {
  if (value_.object() == nullptr) {
    faults_.add(pointer_, fmt::format("must be an object, not {}", value_.type_name()), &value_);
  }
}

const json::Value* Fields::ask(std::string_view key) {
  if (std::find(known_.begin(), known_.end(), key) == known_.end()) {
    known_.emplace_back(key);
  }
  return value_.find(key);
}

void Fields::wrong_type(std::string_view key, const json::Value& value, std::string_view wanted) {
  faults_.add(json::pointer_join(pointer_, key),
              fmt::format("must be {}, not {}", wanted, value.type_name()), &value);
}

std::string Fields::string(std::string_view key, std::string_view otherwise) {
  const json::Value* value = ask(key);
  if (value == nullptr) {
    return std::string(otherwise);
  }
  if (value->string() == nullptr) {
    wrong_type(key, *value, "a string");
    return std::string(otherwise);
  }
  return *value->string();
}

bool Fields::boolean(std::string_view key, bool otherwise) {
  const json::Value* value = ask(key);
  if (value == nullptr) {
    return otherwise;
  }
  if (value->boolean() == nullptr) {
    wrong_type(key, *value, "true or false");
    return otherwise;
  }
  return *value->boolean();
}

std::int64_t Fields::integer(std::string_view key, std::int64_t otherwise, std::int64_t least,
                             std::int64_t most) {
  const json::Value* value = ask(key);
  if (value == nullptr) {
    return otherwise;
  }
  if (value->integer() == nullptr) {
    wrong_type(key, *value, "a whole number");
    return otherwise;
  }
  if (*value->integer() < least || *value->integer() > most) {
    faults_.add(json::pointer_join(pointer_, key),
                fmt::format("must be {} to {}, not {}", least, most, *value->integer()), value);
    return otherwise;
  }
  return *value->integer();
}

double Fields::number(std::string_view key, double otherwise, double least, double most) {
  const json::Value* value = ask(key);
  if (value == nullptr) {
    return otherwise;
  }
  if (!value->is_number()) {
    wrong_type(key, *value, "a number");
    return otherwise;
  }
  if (!(value->number() >= least && value->number() <= most)) {
    faults_.add(json::pointer_join(pointer_, key),
                fmt::format("must be {} to {}, not {}", least, most, value->number()), value);
    return otherwise;
  }
  return value->number();
}

std::vector<std::string> Fields::strings(std::string_view key, std::vector<std::string> otherwise) {
  const json::Value* value = ask(key);
  if (value == nullptr) {
    return otherwise;
  }
  if (value->array() == nullptr) {
    wrong_type(key, *value, "an array of strings");
    return otherwise;
  }
  std::vector<std::string> strings;
  const std::string pointer = json::pointer_join(pointer_, key);
  for (std::size_t i = 0; i < value->array()->size(); ++i) {
    const json::Value& element = (*value->array())[i];
    if (element.string() == nullptr) {
      faults_.add(json::pointer_join(pointer, i),
                  fmt::format("must be a string, not {}", element.type_name()), &element);
    } else {
      strings.push_back(*element.string());
    }
  }
  return strings;
}

std::map<std::string, std::string> Fields::strings_by_key(std::string_view key) {
  const json::Value* value = ask(key);
  std::map<std::string, std::string> strings;
  if (value == nullptr) {
    return strings;
  }
  if (value->object() == nullptr) {
    wrong_type(key, *value, "an object of strings");
    return strings;
  }
  const std::string pointer = json::pointer_join(pointer_, key);
  for (const auto& [name, member] : *value->object()) {
    if (member.string() == nullptr) {
      faults_.add(json::pointer_join(pointer, name),
                  fmt::format("must be a string, not {}", member.type_name()), &member);
    } else {
      strings.emplace(name, *member.string());
    }
  }
  return strings;
}

std::string Fields::one_of(std::string_view key, std::string_view otherwise,
                           std::initializer_list<std::string_view> choices) {
  std::string chosen = string(key, otherwise);
  if (chosen != otherwise && std::find(choices.begin(), choices.end(), chosen) == choices.end()) {
    const std::vector<std::string> names(choices.begin(), choices.end());
    fault(key, fmt::format("must be one of {}, not \"{}\"", listed(names), chosen));
    return std::string(otherwise);
  }
  return chosen;
}

const json::Value* Fields::any(std::string_view key) {
  return ask(key);
}

void Fields::object(std::string_view key,
                    const std::function<void(const json::Value&, std::string pointer)>& read) {
  static const json::Value kEmpty{json::Object()};
  const json::Value* value = ask(key);
  read(value == nullptr ? kEmpty : *value, json::pointer_join(pointer_, key));
}

void Fields::each(std::string_view key, std::size_t most,
                  const std::function<void(const json::Value&, std::string pointer)>& read) {
  const json::Value* value = ask(key);
  if (value == nullptr) {
    return;
  }
  if (value->array() == nullptr) {
    wrong_type(key, *value, "an array");
    return;
  }
  const std::string pointer = json::pointer_join(pointer_, key);
  if (value->array()->size() > most) {
    faults_.add(pointer, fmt::format("must have at most {} elements", most), value);
    return;
  }
  for (std::size_t i = 0; i < value->array()->size(); ++i) {
    read((*value->array())[i], json::pointer_join(pointer, i));
  }
}

void Fields::require(std::string_view key) {
  if (value_.object() != nullptr && !has(key)) {
    faults_.add(json::pointer_join(pointer_, key), "is missing", &value_);
  }
}

void Fields::fault(std::string_view key, std::string message) {
  const json::Value* member = value_.find(key);
  faults_.add(json::pointer_join(pointer_, key), std::move(message),
              member == nullptr ? &value_ : member);
}

void Fields::finish() {
  if (value_.object() == nullptr) {
    return;
  }
  for (const auto& [key, member] : *value_.object()) {
    if (std::find(known_.begin(), known_.end(), key) == known_.end()) {
      faults_.add(json::pointer_join(pointer_, key), unknown_hint(key, known_), &member);
    }
  }
}

}  // namespace drover
