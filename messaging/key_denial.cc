#include "messaging/key_denial.h"

#include <algorithm>
#include <array>

#include "agent/core/allow_list.h"
#include "agent/core/curve_key.h"

namespace drover::messaging {
namespace {

constexpr std::array kWhys = {KeyDenial::Why::unknown, KeyDenial::Why::role,
                              KeyDenial::Why::revoked};
constexpr std::size_t kMostAddress = 64;  // of IPv6 with the name of an interface

bool is_address(std::string_view text) {
  return text.size() <= kMostAddress &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

}  // namespace

std::string_view to_string(KeyDenial::Why why) {
  switch (why) {
    case KeyDenial::Why::unknown:
      return "unknown";
    case KeyDenial::Why::role:
      return "role";
    case KeyDenial::Why::revoked:
      return "revoked";
  }
  return "";
}

Record write_key_denial(const KeyDenial& denial) {
  return Record{{{"kind", kKeyDenied},
                 {"key", denial.key},
                 {"name", denial.name},
                 {"address", denial.address},
                 {"why", to_string(denial.why)},
                 {"untold", denial.untold}},
                {},
                {}};
}

Result<KeyDenial> read_key_denial(const Record& record) {
  const json::Value header(record.header);
  const PublicKey key = TRY(PublicKey::parse(header.at("key").string_or("")));
  const std::string name(header.at("name").string_or(""));
  if (!name.empty()) {
    TRY(KeyName::parse(name));
  }
  const std::string_view address = header.at("address").string_or("");
  const std::string_view said = header.at("why").string_or("");
  const std::int64_t untold = header.at("untold").integer_or(-1);
  const auto* const why = std::find_if(kWhys.begin(), kWhys.end(),
                                       [&](KeyDenial::Why one) { return to_string(one) == said; });
  if (why == kWhys.end() || untold < 0 || !is_address(address)) {
    return fail(Code::invalid, "{}: no record of a key that was denied", kKeyDenied);
  }
  return KeyDenial{key.str(), name, std::string(address), *why, static_cast<std::uint64_t>(untold)};
}

}  // namespace drover::messaging
