// Fields: reads the members of one JSON object strictly and collects every fault instead of
// stopping at the first. The configuration and job specs are read with it.
//
//   Faults faults(text);
//   Fields fields(value, "", faults);
//   spec.image = fields.string("image");
//   spec.labels = fields.strings_by_key("labels");
//   fields.finish();                       // members nobody asked for are faults
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/json.h"

namespace drover {

class Faults {
 public:
  /// `text` is what the values were parsed from and must outlive this; with it faults have lines.
  explicit Faults(std::string_view text = {}) : text_(text) {}

  void add(std::string pointer, std::string message, const json::Value* at = nullptr);
  bool empty() const { return faults_.empty(); }
  /// At most 100 are kept: a document with more is hopeless, and the answer has a bound.
  std::vector<Fault> take() { return std::move(faults_); }
  /// `message` with the faults as an `invalid` error, or success when there are none.
  Result<> result(std::string_view message);

 private:
  std::string_view text_;
  std::vector<Fault> faults_;
};

class Fields {
 public:
  /// A `value` that is no object is a fault, and every field then reads as absent.
  Fields(const json::Value& value, std::string pointer, Faults& faults);

  /// Each asks for one member. An absent member gives `otherwise`; one of another type or out of
  /// range is a fault and gives `otherwise` too.
  std::string string(std::string_view key, std::string_view otherwise = "");
  bool boolean(std::string_view key, bool otherwise);
  std::int64_t integer(std::string_view key, std::int64_t otherwise, std::int64_t least,
                       std::int64_t most);
  double number(std::string_view key, double otherwise, double least, double most);
  std::vector<std::string> strings(std::string_view key, std::vector<std::string> otherwise = {});
  std::map<std::string, std::string> strings_by_key(std::string_view key);
  std::string one_of(std::string_view key, std::string_view otherwise,
                     std::initializer_list<std::string_view> choices);
  /// The member whatever its type, or nullptr.
  const json::Value* any(std::string_view key);
  /// Calls `read` with the member, which must be an object, and its pointer. An absent member is
  /// read as an empty object, so that `read` fills in defaults.
  void object(std::string_view key,
              const std::function<void(const json::Value&, std::string pointer)>& read);
  /// Calls `read` for each element of the member, which must be an array of at most `most`.
  void each(std::string_view key, std::size_t most,
            const std::function<void(const json::Value&, std::string pointer)>& read);

  bool has(std::string_view key) const { return value_.find(key) != nullptr; }
  /// The member must stand here.
  void require(std::string_view key);
  /// A fault of member `key` that the caller found; an absent one has the line of the object.
  void fault(std::string_view key, std::string message);
  /// Members that were never asked for are faults, with the nearest known name as a hint.
  void finish();

  const std::string& pointer() const { return pointer_; }

 private:
  const json::Value* ask(std::string_view key);
  void wrong_type(std::string_view key, const json::Value& value, std::string_view wanted);

  const json::Value& value_;
  std::string pointer_;
  Faults& faults_;
  std::vector<std::string> known_;
};

}  // namespace drover
