#include "agent/core/curve_key.h"

#include <algorithm>
#include <utility>

#include "agent/core/fields.h"
#include "agent/core/wipe.h"

namespace drover {
namespace {

constexpr std::string_view kZ85Digits =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
constexpr std::size_t kGroup = 5;  // characters for 4 bytes
constexpr std::uint64_t kBase = 85;
static_assert(kZ85Digits.size() == kBase);

/// Why the text is no key; "" when it is one. Never holds a part of it.
std::string_view fault_of_key(std::string_view text) {
  if (text.size() != kKeyText) {
    return "must be a key: 40 characters of Z85, as `drover keys new` makes them";
  }
  bool zeros = true;
  for (std::size_t at = 0; at < kKeyText; at += kGroup) {
    std::uint64_t value = 0;
    for (const char c : text.substr(at, kGroup)) {
      const std::size_t digit = kZ85Digits.find(c);
      if (digit == std::string_view::npos) {
        return "holds a character that is none of Z85: not the whole key, or more than the key";
      }
      value = value * kBase + digit;
    }
    if (value > UINT32_MAX) {
      return "is no key: five of its characters together are more than 32 bits";
    }
    zeros = zeros && value == 0;
  }
  return zeros ? "is no key: all its bits are zero" : "";
}

}  // namespace

Result<> PublicKeyKind::check(std::string_view text) {
  if (const std::string_view why = fault_of_key(text); !why.empty()) {
    return fail(Code::invalid, "public key: {}", why);
  }
  return {};
}

Result<PublicKey> read_public_key(Fields& fields, std::string_view key) {
  const json::Value* member = fields.any(key);
  Result<PublicKey> read = PublicKey::parse(fields.string(key));
  if (!read && member != nullptr && member->string() != nullptr) {
    fields.fault(key, std::string(fault_of_key(*member->string())));
  }
  return read;
}

Result<PublicKey> public_key_of(const KeyBytes& bytes) {
  std::string text;
  for (std::size_t at = 0; at < kKeyBytes; at += 4) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      value = value << 8 | bytes.at(at + i);
    }
    std::array<char, kGroup> group{};
    for (auto digit = group.rbegin(); digit != group.rend(); ++digit) {
      *digit = kZ85Digits[value % kBase];
      value /= kBase;
    }
    text.append(group.data(), group.size());
  }
  return PublicKey::parse(text);
}

Result<SecretKey> SecretKey::parse(std::string_view text) {
  if (const std::string_view why = fault_of_key(text); !why.empty()) {
    return fail(Code::invalid, "secret key: {}", why);
  }
  SecretKey key;
  std::copy(text.begin(), text.end(), key.text_.begin());
  return key;
}

SecretKey::~SecretKey() {
  explicit_bzero(text_.data(), text_.size());
}

Result<KeyPair> KeyPair::parse(std::string_view text) {
  json::Value document = TRY(json::parse(text, {.max_depth = 2, .max_bytes = 4096}));
  Faults faults(text);
  Fields fields(document, "", faults);
  fields.require("public");
  fields.require("secret");
  const Result<PublicKey> public_key = read_public_key(fields, "public");
  std::string secret_text = fields.string("secret");
  Result<SecretKey> secret_key = SecretKey::parse(secret_text);
  if (!secret_key && document.at("secret").string() != nullptr) {
    fields.fault("secret", std::string(fault_of_key(secret_text)));
  }
  fields.finish();
  wipe(secret_text);
  if (document.find("secret") != nullptr) {
    if (std::string* held = document.object()->find("secret")->string()) {
      wipe(*held);
    }
  }
  TRY(faults.result("the key file is not accepted"));
  // Without a fault both are there.
  return KeyPair{*public_key, *std::move(secret_key)};
}

std::string KeyPair::text() const {
  std::string text = R"({"public":")";
  text.reserve(128);
  text += public_key.str();
  text += R"(","secret":")";
  text += secret_key.text();
  text += "\"}\n";
  return text;
}

}  // namespace drover
