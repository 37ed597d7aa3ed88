// Keys for tests.
#pragma once

#include <gtest/gtest.h>
#include <zmq.h>

#include <array>

#include "agent/core/curve_key.h"

namespace drover::fakes {

inline KeyPair new_key() {
  std::array<char, kKeyText + 1> open{};
  std::array<char, kKeyText + 1> secret{};
  EXPECT_EQ(zmq_curve_keypair(open.data(), secret.data()), 0);
  return KeyPair{*PublicKey::parse(open.data()), *SecretKey::parse(secret.data())};
}

}  // namespace drover::fakes
