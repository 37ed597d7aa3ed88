// Keys of CURVE (ZeroMQ RFC 26), as text: 40 characters of Z85 (RFC 32) for 32 bytes.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "agent/core/fields.h"
#include "agent/core/ids.h"
#include "agent/core/result.h"

namespace drover {

inline constexpr std::size_t kKeyBytes = 32;
inline constexpr std::size_t kKeyText = 40;
using KeyBytes = std::array<std::uint8_t, kKeyBytes>;

struct PublicKeyKind {
  static Result<> check(std::string_view text);
};
/// Two are the same key exactly when their texts are equal: of 32 bytes there is one text.
using PublicKey = Id<PublicKeyKind>;

/// The member, a public key. One that is none is a fault; an absent one is an error only.
Result<PublicKey> read_public_key(Fields& fields, std::string_view key);

/// As ZAP tells it (RFC 27). `invalid` for zeros alone, which are nobody's key.
Result<PublicKey> public_key_of(const KeyBytes& bytes);

/// Its memory is overwritten when it goes. Nothing prints one, and no error quotes one.
class SecretKey {
 public:
  /// `invalid` without a word of what was given.
  static Result<SecretKey> parse(std::string_view text);
  SecretKey(const SecretKey&) = default;
  SecretKey& operator=(const SecretKey&) = default;
  ~SecretKey();

  /// The 40 characters; they live as long as this.
  std::string_view text() const { return {text_.data(), text_.size()}; }
  bool operator==(const SecretKey& other) const { return text_ == other.text_; }

 private:
  SecretKey() = default;
  std::array<char, kKeyText> text_{};
};

/// What a key file holds: {"public":KEY,"secret":KEY}.
struct KeyPair {
  PublicKey public_key;
  SecretKey secret_key;

  /// `invalid` with each fault's pointer. Whether the two belong together only a program with
  /// libzmq can tell.
  static Result<KeyPair> parse(std::string_view text);
  /// The file's text, secret included. The caller wipes it.
  std::string text() const;
  bool operator==(const KeyPair&) const = default;
};

}  // namespace drover
