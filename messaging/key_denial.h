// KeyDenial: whom the front did not let in, or lets ask nothing more, as it tells droverd.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/core/result.h"
#include "messaging/record.h"

namespace drover::messaging {

inline constexpr std::string_view kKeyDenied = "key.denied";

struct KeyDenial {
  enum class Why {
    unknown,  ///< nobody is allowed with this key
    role,     ///< whose key it is may not connect there
    revoked,  ///< it speaks on a connection from when it was allowed
  };
  std::string key;        ///< PublicKey's text
  std::string name{};     ///< AllowedKey::name, as far as one is or was known; or ""
  std::string address{};  ///< of the client, without its port
  Why why = Why::unknown;
  std::uint64_t untold = 0;  ///< others since the last one that was told
  bool operator==(const KeyDenial&) const = default;
};

/// "unknown", "role", "revoked".
std::string_view to_string(KeyDenial::Why why);

Record write_key_denial(const KeyDenial& denial);
/// The inverse; `invalid` for what no front of ours would say.
Result<KeyDenial> read_key_denial(const Record& record);

}  // namespace drover::messaging
