// Pairs of keys of CURVE, made by libzmq.
#pragma once

#include "agent/core/curve_key.h"
#include "agent/core/result.h"

namespace drover::messaging {

/// Random. `broken` where libzmq was built without CURVE.
Result<KeyPair> new_key_pair();
/// Whether the public key is that of the secret one; `invalid` without a word of either.
Result<> check_pair(const KeyPair& pair);

}  // namespace drover::messaging
