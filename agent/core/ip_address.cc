#include "agent/core/ip_address.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

namespace drover {
namespace {

struct Cidr {
  std::array<std::uint8_t, 16> bytes{};  // of an IPv4 address the first four
  unsigned bits = 0;
  bool is_v4 = false;

  unsigned length() const { return is_v4 ? 32 : 128; }
  bool bit(unsigned at) const { return (bytes.at(at / 8) >> (7 - at % 8) & 1U) != 0; }
  /// The address alone.
  std::string text() const {
    std::array<char, INET6_ADDRSTRLEN> written{};
    inet_ntop(is_v4 ? AF_INET : AF_INET6, bytes.data(), written.data(), written.size());
    return written.data();
  }
  /// Whether all bits behind the prefix are `value`.
  bool host_is_all(bool value) const {
    for (unsigned at = bits; at < length(); ++at) {
      if (bit(at) != value) {
        return false;
      }
    }
    return true;
  }
};

std::optional<Cidr> parse_cidr(const std::string& text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string::npos) {
    return std::nullopt;
  }
  const std::string address = text.substr(0, slash);
  const std::string_view bits = std::string_view(text).substr(slash + 1);
  Cidr cidr;
  const auto [stop, error] = std::from_chars(bits.data(), bits.data() + bits.size(), cidr.bits);
  if (error != std::errc() || stop != bits.data() + bits.size()) {
    return std::nullopt;
  }
  cidr.is_v4 = inet_pton(AF_INET, address.c_str(), cidr.bytes.data()) == 1;
  if (!cidr.is_v4 && inet_pton(AF_INET6, address.c_str(), cidr.bytes.data()) != 1) {
    return std::nullopt;
  }
  return cidr.bits <= cidr.length() ? std::optional(cidr) : std::nullopt;
}

/// Addresses that no host has: unspecified, loopback, multicast and above.
bool is_special(const Cidr& cidr) {
  if (cidr.is_v4) {
    const std::uint8_t first = cidr.bytes.at(0);
    return first == 0 || first == 127 || first >= 224;
  }
  const bool small = std::all_of(cidr.bytes.begin(), cidr.bytes.end() - 1,
                                 [](std::uint8_t byte) { return byte == 0; });
  return cidr.bytes.at(0) == 0xff || (small && cidr.bytes.back() <= 1);
}

}  // namespace

bool is_cidr(const std::string& text) {
  return parse_cidr(text).has_value();
}

bool is_host_cidr(const std::string& text) {
  const std::optional<Cidr> cidr = parse_cidr(text);
  // Two more bits than none: the network's own, the broadcast's, this one, and somebody beside it.
  return is_assignable(text) && cidr->bits > 0 && cidr->bits + 2 <= cidr->length();
}

bool is_assignable(const std::string& text) {
  const std::optional<Cidr> cidr = parse_cidr(text);
  if (!cidr || is_special(*cidr)) {
    return false;
  }
  // A subnet of two addresses has neither one of its own nor a broadcast (RFC 3021, RFC 6164).
  return cidr->bits + 1 >= cidr->length() ||
         (!cidr->host_is_all(false) && !(cidr->is_v4 && cidr->host_is_all(true)));
}

std::string address_of(const std::string& text) {
  const std::optional<Cidr> cidr =
      parse_cidr(text.find('/') == std::string::npos ? text + "/0" : text);
  return cidr ? cidr->text() : "";
}

std::string subnet_of(const std::string& text) {
  std::optional<Cidr> cidr = parse_cidr(text);
  if (!cidr) {
    return "";
  }
  for (unsigned at = cidr->bits; at < cidr->length(); ++at) {
    cidr->bytes.at(at / 8) &= static_cast<std::uint8_t>(~(1U << (7 - at % 8)));
  }
  return fmt::format("{}/{}", cidr->text(), cidr->bits);
}

std::string address_in(const std::string& text, std::uint32_t offset) {
  std::optional<Cidr> cidr = parse_cidr(subnet_of(text));
  if (!cidr) {
    return "";
  }
  // Added from the last byte on; what would reach into the prefix is beyond.
  const unsigned host_bits = cidr->length() - cidr->bits;
  if (host_bits < 32 && (offset >> host_bits) != 0) {
    return "";
  }
  for (unsigned at = cidr->length() / 8; offset != 0; offset >>= 8U) {
    cidr->bytes.at(--at) |= static_cast<std::uint8_t>(offset);
  }
  return cidr->text();
}

std::uint32_t addresses_in(const std::string& text) {
  constexpr unsigned kMostBits = 20;
  const std::optional<Cidr> cidr = parse_cidr(text);
  return cidr ? 1U << std::min(cidr->length() - cidr->bits, kMostBits) : 0;
}

bool lies_in(const std::string& text, const std::string& subnet) {
  const bool is_alone = text.find('/') == std::string::npos;
  const std::string cidr =
      is_alone ? text + (text.find(':') == std::string::npos ? "/32" : "/128") : text;
  const std::optional<Cidr> inner = parse_cidr(cidr);
  const std::optional<Cidr> outer = parse_cidr(subnet);
  return inner && outer && inner->bits >= outer->bits && overlap(cidr, subnet);
}

bool overlap(const std::string& cidr, const std::string& other) {
  const std::optional<Cidr> one = parse_cidr(cidr);
  const std::optional<Cidr> two = parse_cidr(other);
  if (!one || !two || one->is_v4 != two->is_v4) {
    return false;
  }
  for (unsigned at = 0; at < std::min(one->bits, two->bits); ++at) {
    if (one->bit(at) != two->bit(at)) {
      return false;
    }
  }
  return true;
}

bool is_address(const std::string& text) {
  in6_addr parsed{};
  return inet_pton(AF_INET, text.c_str(), &parsed) == 1 ||
         inet_pton(AF_INET6, text.c_str(), &parsed) == 1;
}

}  // namespace drover
