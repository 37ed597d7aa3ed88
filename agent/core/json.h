// JSON as a value: parsed strictly, kept in order, written compactly.
//
// json.cc is the only file that includes RapidJSON's parser, whose DOM asserts or yields nothing on
// a missing member depending on how it was built; this value has one behaviour.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "agent/core/result.h"

namespace drover::json {

class Value;
using Array = std::vector<Value>;
using Member = std::pair<std::string, Value>;

/// Members in the order they were written or added; a key stands once.
class Object {
 public:
  Object() = default;
  Object(std::initializer_list<Member> members);

  /// The member's value, or nullptr.
  const Value* find(std::string_view key) const;
  Value* find(std::string_view key);
  /// Adds the member or replaces its value; returns the value.
  Value& set(std::string_view key, Value value);
  bool erase(std::string_view key);
  /// Adds a member that is known not to stand here yet.
  void append(std::string key, Value value);

  bool empty() const;
  std::size_t size() const;
  std::vector<Member>::const_iterator begin() const;
  std::vector<Member>::const_iterator end() const;
  std::vector<Member>::iterator begin();
  std::vector<Member>::iterator end();
  bool operator==(const Object&) const;

 private:
  std::vector<Member> members_;
};

class Value {
 public:
  Value() = default;
  Value(std::nullptr_t) {}                                      // NOLINT: JSON literals convert
  Value(bool value) : data_(value) {}                           // NOLINT
  Value(int value) : data_(std::int64_t{value}) {}              // NOLINT
  Value(unsigned value) : data_(std::int64_t{value}) {}         // NOLINT
  Value(std::int64_t value) : data_(value) {}                   // NOLINT
  Value(std::uint64_t value);                                   // NOLINT
  Value(double value) : data_(value) {}                         // NOLINT
  Value(const char* value) : data_(std::string(value)) {}       // NOLINT
  Value(std::string_view value) : data_(std::string(value)) {}  // NOLINT
  Value(std::string value) : data_(std::move(value)) {}         // NOLINT
  Value(Array value) : data_(std::move(value)) {}               // NOLINT
  Value(Object value) : data_(std::move(value)) {}              // NOLINT

  bool is_null() const { return std::holds_alternative<std::monostate>(data_); }
  /// Each is the value when it has that type, and nullptr otherwise. A whole number is int64 when
  /// it fits, uint64 above that; `number()` takes all three kinds.
  const bool* boolean() const { return std::get_if<bool>(&data_); }
  const std::int64_t* integer() const { return std::get_if<std::int64_t>(&data_); }
  const std::uint64_t* unsigned_integer() const { return std::get_if<std::uint64_t>(&data_); }
  const std::string* string() const { return std::get_if<std::string>(&data_); }
  const Array* array() const { return std::get_if<Array>(&data_); }
  const Object* object() const { return std::get_if<Object>(&data_); }
  std::string* string() { return std::get_if<std::string>(&data_); }
  Array* array() { return std::get_if<Array>(&data_); }
  Object* object() { return std::get_if<Object>(&data_); }
  bool is_number() const;
  double number() const;  ///< 0 when it is no number

  /// Member of an object; nullptr when there is none or this is no object. Chains safely with `at`.
  const Value* find(std::string_view key) const;
  /// Member of an object, or a null value.
  const Value& at(std::string_view key) const;
  /// The string, or `otherwise` when this is no string.
  std::string_view string_or(std::string_view otherwise) const;
  /// The whole number, also when it is written as a string of digits (Proxmox does); else
  /// `otherwise`.
  std::int64_t integer_or(std::int64_t otherwise) const;
  /// true, 1 and "1" are true; false, 0, "0" and null are false; anything else `otherwise`.
  bool boolean_or(bool otherwise) const;

  /// "null", "boolean", "integer", "number", "string", "array" or "object".
  std::string_view type_name() const;
  /// Byte just behind this value's first token in the parsed text; 0 when it was not parsed.
  std::uint32_t offset() const { return offset_; }
  void set_offset(std::uint32_t offset) { offset_ = offset; }

  /// Equal content; where it stood in a text does not matter.
  bool operator==(const Value& other) const { return data_ == other.data_; }

 private:
  std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string, Array,
               Object>
      data_;
  std::uint32_t offset_ = 0;
};

// Not in the class, where a Member still holds an incomplete Value.
inline bool Object::empty() const {
  return members_.empty();
}
inline std::size_t Object::size() const {
  return members_.size();
}
inline std::vector<Member>::const_iterator Object::begin() const {
  return members_.begin();
}
inline std::vector<Member>::const_iterator Object::end() const {
  return members_.end();
}
inline std::vector<Member>::iterator Object::begin() {
  return members_.begin();
}
inline std::vector<Member>::iterator Object::end() {
  return members_.end();
}

struct ParseOptions {
  bool comments = false;       ///< accept // and /* */ comments and trailing commas
  std::size_t max_depth = 64;  ///< arrays and objects within each other
  std::size_t max_bytes = std::size_t{16} << 20;
};

/// One JSON document and nothing behind it. Invalid UTF-8, a key that stands twice, too deep or too
/// large a document are `invalid`, naming the line.
Result<Value> parse(std::string_view text, const ParseOptions& options = {});

/// Compact text, or indented by two spaces. Bytes that are no UTF-8 become U+FFFD, and numbers that
/// JSON cannot write null.
std::string write(const Value& value);
std::string write_pretty(const Value& value);

/// 1-based line of byte `offset` in `text`.
std::uint32_t line_of(std::string_view text, std::uint32_t offset);
/// `pointer` with "/token" behind it, the token escaped as RFC 6901 asks.
std::string pointer_join(std::string_view pointer, std::string_view token);
std::string pointer_join(std::string_view pointer, std::size_t index);

}  // namespace drover::json
