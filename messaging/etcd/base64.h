// Base64 with padding (RFC 4648, 4): how JSON carries etcd's keys and values, which are bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace drover::etcd {

std::string to_base64(std::string_view bytes);

/// None unless `text` is what `to_base64` makes of some bytes.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace drover::etcd
