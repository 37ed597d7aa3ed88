#include "messaging/curve/key_pairs.h"

#include <zmq.h>

#include <array>
#include <cerrno>
#include <string>
#include <utility>

#include "agent/core/wipe.h"

namespace drover::messaging {
namespace {

/// With libzmq's zero behind it.
using ZeroEnded = std::array<char, kKeyText + 1>;

std::string text_of(const ZeroEnded& key) {
  return {key.data(), kKeyText};
}

Failure no_curve(int error) {
  return fail(Code::broken, "make keys: {} (libzmq has to be built with CURVE)",
              zmq_strerror(error));
}

}  // namespace

Result<KeyPair> new_key_pair() {
  ZeroEnded public_key{};
  ZeroEnded secret_key{};
  if (zmq_curve_keypair(public_key.data(), secret_key.data()) != 0) {
    return no_curve(zmq_errno());
  }
  std::string secret_text = text_of(secret_key);
  secret_key.fill('\0');
  Result<SecretKey> secret = SecretKey::parse(secret_text);
  wipe(secret_text);
  PublicKey made = TRY(PublicKey::parse(text_of(public_key)));
  SecretKey kept = TRY(std::move(secret));
  return KeyPair{std::move(made), kept};
}

Result<> check_pair(const KeyPair& pair) {
  ZeroEnded derived{};
  std::string secret(pair.secret_key.text());
  const int failed = zmq_curve_public(derived.data(), secret.c_str());
  wipe(secret);
  if (failed != 0) {
    return no_curve(zmq_errno());
  }
  if (text_of(derived) != pair.public_key.str()) {
    return fail(Code::invalid, "the public key is not that of the secret one");
  }
  return {};
}

}  // namespace drover::messaging
