#include "agent/core/json.h"

#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <unordered_set>

#include "agent/core/utf8.h"

namespace drover::json {
namespace {

/// Objects up to this many members find a doubled key by looking at each; larger ones keep a set,
/// so that a hostile document with many keys stays cheap.
constexpr std::size_t kScanLimit = 16;

template <class Number>
std::optional<Number> whole_text(std::string_view text) {
  Number number{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && stop == end ? std::optional(number) : std::nullopt;
}

/// Whether a JSON number that no double holds is too small for one, rather than too large: where
/// its first digit that counts stands, seen from the decimal point, tells.
bool is_tiny(std::string_view text) {
  const std::size_t mark = text.find_first_of("eE");
  const std::string_view digits = text.substr(0, mark);
  const std::size_t first = digits.find_first_of("123456789");
  if (first == std::string_view::npos) {
    return true;
  }
  const auto point = static_cast<std::int64_t>(std::min(digits.find('.'), digits.size()));
  std::int64_t exponent = 0;
  if (mark != std::string_view::npos) {
    std::string_view power = text.substr(mark + 1);
    power.remove_prefix(power.starts_with('+') ? 1 : 0);
    // RapidJSON refuses a large positive exponent itself: what does not fit here is negative.
    exponent = whole_text<std::int32_t>(power).value_or(std::numeric_limits<std::int32_t>::min());
  }
  return point - static_cast<std::int64_t>(first) + exponent < 0;
}

/// The value of a number by the grammar of JSON: whole where it is written so and 64 bits hold it,
/// else the nearest double. Nothing if it is larger than any double.
std::optional<Value> number_of(std::string_view text) {
  if (text.find_first_of(".eE") == std::string_view::npos) {
    if (const auto whole = whole_text<std::int64_t>(text)) {
      return Value(*whole);
    }
    if (const auto large = whole_text<std::uint64_t>(text)) {
      return Value(*large);
    }
  }
  if (const auto real = whole_text<double>(text)) {
    return Value(*real);
  }
  return is_tiny(text) ? std::optional(Value(text.starts_with('-') ? -0.0 : 0.0)) : std::nullopt;
}

/// Builds the value from RapidJSON's events. Iterative, so depth costs heap and not stack.
class Builder {
 public:
  Builder(const rapidjson::MemoryStream& stream, const ParseOptions& options)
      : stream_(stream), options_(options) {}

  bool Null() { return add(Value()); }
  bool Bool(bool value) { return add(Value(value)); }
  bool RawNumber(const char* text, rapidjson::SizeType size, bool) {
    std::optional<Value> value = number_of({text, size});
    if (!value) {
      refusal_ = "a number beyond what a double holds";
      return false;
    }
    return add(*std::move(value));
  }
  // Numbers come as text only (see kStrict in parse).
  bool Int(int) { return false; }
  bool Uint(unsigned) { return false; }
  bool Int64(std::int64_t) { return false; }
  bool Uint64(std::uint64_t) { return false; }
  bool Double(double) { return false; }
  bool String(const char* text, rapidjson::SizeType size, bool) {
    return check_text({text, size}) && add(Value(std::string(text, size)));
  }
  bool StartObject() { return open(Value(Object())); }
  bool Key(const char* text, rapidjson::SizeType size, bool) {
    Frame& frame = frames_.back();
    frame.key.assign(text, size);
    if (!check_text(frame.key)) {
      return false;
    }
    if (!frame.add_key()) {
      refusal_ = "key \"" + frame.key + "\" stands twice in one object";
      return false;
    }
    return true;
  }
  bool EndObject(rapidjson::SizeType) { return close(); }
  bool StartArray() { return open(Value(Array())); }
  bool EndArray(rapidjson::SizeType) { return close(); }

  const std::string& refusal() const { return refusal_; }
  Value take() { return std::move(root_); }

 private:
  struct Frame {
    Value value;
    std::string key{};
    std::unordered_set<std::string> keys{};

    bool add_key() {
      const Object& object = *value.object();
      if (object.size() < kScanLimit) {
        return object.find(key) == nullptr;
      }
      if (keys.empty()) {
        for (const Member& member : object) {
          keys.insert(member.first);
        }
      }
      return keys.insert(key).second;
    }
  };

  /// RapidJSON takes the escape of a low surrogate without its high one and makes of it three
  /// bytes that are no UTF-8; in the text as it came it finds such bytes itself.
  bool check_text(std::string_view text) {
    if (utf8_prefix(text) != text.size()) {
      refusal_ = "half of a surrogate pair in a string";
      return false;
    }
    return true;
  }
  bool open(Value value) {
    if (frames_.size() >= options_.max_depth) {
      refusal_ = "more than " + std::to_string(options_.max_depth) + " levels deep";
      return false;
    }
    value.set_offset(static_cast<std::uint32_t>(stream_.Tell()));
    frames_.push_back(Frame{std::move(value)});
    return true;
  }
  bool close() {
    Value value = std::move(frames_.back().value);
    frames_.pop_back();
    return place(std::move(value));
  }
  bool add(Value value) {
    value.set_offset(static_cast<std::uint32_t>(stream_.Tell()));
    return place(std::move(value));
  }
  bool place(Value value) {
    if (frames_.empty()) {
      root_ = std::move(value);
      return true;
    }
    Frame& frame = frames_.back();
    if (Array* array = frame.value.array()) {
      array->push_back(std::move(value));
    } else {
      frame.value.object()->append(std::move(frame.key), std::move(value));
      frame.key.clear();
    }
    return true;
  }

  const rapidjson::MemoryStream& stream_;
  const ParseOptions& options_;
  std::vector<Frame> frames_;
  Value root_;
  std::string refusal_;
};

rapidjson::SizeType size_of(std::string_view text) {
  return static_cast<rapidjson::SizeType>(text.size());
}

/// Programs print what they like, and their last lines come into our errors: without this one byte
/// of theirs would make a text that no reader takes, not even this parser.
template <class Put>
void with_utf8(const std::string& text, const Put& put) {
  if (utf8_prefix(text) == text.size()) {
    put(std::string_view(text));
  } else {
    put(std::string_view(repair_utf8(text)));
  }
}

template <class Writer>
void write_value(Writer& writer, const Value& value) {
  if (const bool* flag = value.boolean()) {
    writer.Bool(*flag);
  } else if (const std::int64_t* integer = value.integer()) {
    writer.Int64(*integer);
  } else if (const std::string* string = value.string()) {
    with_utf8(*string, [&](std::string_view text) { writer.String(text.data(), size_of(text)); });
  } else if (const Array* array = value.array()) {
    writer.StartArray();
    for (const Value& element : *array) {
      write_value(writer, element);
    }
    writer.EndArray();
  } else if (const Object* object = value.object()) {
    writer.StartObject();
    for (const auto& [key, member] : *object) {
      with_utf8(key, [&](std::string_view text) { writer.Key(text.data(), size_of(text)); });
      write_value(writer, member);
    }
    writer.EndObject();
  } else if (const std::uint64_t* large = value.unsigned_integer()) {
    writer.Uint64(*large);
  } else if (value.is_number() && std::isfinite(value.number())) {
    writer.Double(value.number());
  } else {
    writer.Null();
  }
}

template <class Writer>
std::string write_with(const Value& value) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  if constexpr (requires { writer.SetIndent(' ', 2U); }) {
    writer.SetIndent(' ', 2U);
  }
  write_value(writer, value);
  return {buffer.GetString(), buffer.GetSize()};
}

template <unsigned Flags>
Result<Value> parse_with(std::string_view text, const ParseOptions& options) {
  rapidjson::MemoryStream memory(text.data(), text.size());
  Builder builder(memory, options);
  rapidjson::Reader reader;
  const rapidjson::ParseResult result = reader.Parse<Flags>(memory, builder);
  if (result.IsError()) {
    const auto offset = static_cast<std::uint32_t>(std::min(result.Offset(), text.size()));
    const std::uint32_t line = line_of(text, offset);
    const std::string reason =
        builder.refusal().empty() ? rapidjson::GetParseError_En(result.Code()) : builder.refusal();
    return Failure(Error{Code::invalid,
                         fmt::format("not valid JSON at line {}, byte {}", line, offset),
                         {Fault{"", reason, line}}});
  }
  return builder.take();
}

const Value kNull;

}  // namespace

Object::Object(std::initializer_list<Member> members) {
  for (const Member& member : members) {
    set(member.first, member.second);
  }
}

const Value* Object::find(std::string_view key) const {
  const auto found = std::find_if(members_.begin(), members_.end(),
                                  [key](const Member& member) { return member.first == key; });
  return found == members_.end() ? nullptr : &found->second;
}

Value* Object::find(std::string_view key) {
  return const_cast<Value*>(std::as_const(*this).find(key));  // NOLINT: this object is not const
}

Value& Object::set(std::string_view key, Value value) {
  if (Value* present = find(key)) {
    *present = std::move(value);
    return *present;
  }
  append(std::string(key), std::move(value));
  return members_.back().second;
}

void Object::append(std::string key, Value value) {
  members_.emplace_back(std::move(key), std::move(value));
}

bool Object::erase(std::string_view key) {
  return std::erase_if(members_, [key](const Member& member) { return member.first == key; }) > 0;
}

bool Object::operator==(const Object& other) const {
  // Two objects are the same whatever the order of their members (RFC 8259, section 4).
  return size() == other.size() && std::all_of(begin(), end(), [&other](const Member& member) {
           const Value* value = other.find(member.first);
           return value != nullptr && *value == member.second;
         });
}

Value::Value(std::uint64_t value) {
  if (value <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    data_ = static_cast<std::int64_t>(value);
  } else {
    data_ = value;
  }
}

bool Value::is_number() const {
  return std::holds_alternative<std::int64_t>(data_) ||
         std::holds_alternative<std::uint64_t>(data_) || std::holds_alternative<double>(data_);
}

double Value::number() const {
  if (const auto* integer = std::get_if<std::int64_t>(&data_)) {
    return static_cast<double>(*integer);
  }
  if (const auto* large = std::get_if<std::uint64_t>(&data_)) {
    return static_cast<double>(*large);
  }
  const auto* real = std::get_if<double>(&data_);
  return real == nullptr ? 0 : *real;
}

const Value* Value::find(std::string_view key) const {
  const Object* members = object();
  return members == nullptr ? nullptr : members->find(key);
}

const Value& Value::at(std::string_view key) const {
  const Value* member = find(key);
  return member == nullptr ? kNull : *member;
}

std::string_view Value::string_or(std::string_view otherwise) const {
  const std::string* text = string();
  return text == nullptr ? otherwise : std::string_view(*text);
}

std::int64_t Value::integer_or(std::int64_t otherwise) const {
  if (const std::int64_t* whole = integer()) {
    return *whole;
  }
  if (const std::string* text = string()) {
    std::int64_t parsed = 0;
    const char* end = text->data() + text->size();
    const auto [stop, error] = std::from_chars(text->data(), end, parsed);
    if (error == std::errc() && stop == end) {
      return parsed;
    }
  }
  return otherwise;
}

bool Value::boolean_or(bool otherwise) const {
  if (const bool* flag = boolean()) {
    return *flag;
  }
  if (is_null()) {
    return false;
  }
  const std::int64_t number = integer_or(-1);
  return number == 0 || number == 1 ? number == 1 : otherwise;
}

std::string_view Value::type_name() const {
  constexpr std::string_view kNames[] = {"null",   "boolean", "integer", "integer",
                                         "number", "string",  "array",   "object"};
  return kNames[data_.index()];
}

Result<Value> parse(std::string_view text, const ParseOptions& options) {
  if (text.size() > options.max_bytes) {
    return fail(Code::invalid, "JSON document of {} bytes is larger than the {} accepted",
                text.size(), options.max_bytes);
  }
  // RapidJSON takes a NUL for the end of the text and would not look behind it.
  if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
    return fail(Code::invalid, "not valid JSON: a NUL at byte {}", nul);
  }
  // RapidJSON 1.1's own exact numbers (kParseFullPrecisionFlag) are undefined where all digits of a
  // long one are zero: it counts the leading zeros of 0 (internal/diyfp.h, Normalize).
  constexpr unsigned kStrict = rapidjson::kParseIterativeFlag |
                               rapidjson::kParseValidateEncodingFlag |
                               rapidjson::kParseNumbersAsStringsFlag;
  if (options.comments) {
    return parse_with<kStrict | rapidjson::kParseCommentsFlag |
                      rapidjson::kParseTrailingCommasFlag>(text, options);
  }
  return parse_with<kStrict>(text, options);
}

std::string write(const Value& value) {
  return write_with<rapidjson::Writer<rapidjson::StringBuffer>>(value);
}

std::string write_pretty(const Value& value) {
  return write_with<rapidjson::PrettyWriter<rapidjson::StringBuffer>>(value);
}

std::uint32_t line_of(std::string_view text, std::uint32_t offset) {
  const std::string_view before = text.substr(0, offset);
  return 1 + static_cast<std::uint32_t>(std::count(before.begin(), before.end(), '\n'));
}

std::string pointer_join(std::string_view pointer, std::string_view token) {
  std::string joined(pointer);
  joined += '/';
  for (const char character : token) {
    if (character == '~') {
      joined += "~0";
    } else if (character == '/') {
      joined += "~1";
    } else {
      joined += character;
    }
  }
  return joined;
}

std::string pointer_join(std::string_view pointer, std::size_t index) {
  return pointer_join(pointer, std::to_string(index));
}

}  // namespace drover::json
