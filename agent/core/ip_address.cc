#include "agent/core/ip_address.h"

#include <arpa/inet.h>

#include <charconv>
#include <string_view>

namespace drover {

bool is_cidr(const std::string& text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string::npos) {
    return false;
  }
  const std::string address = text.substr(0, slash);
  const std::string_view bits_text = std::string_view(text).substr(slash + 1);
  unsigned bits = 0;
  const auto [stop, error] =
      std::from_chars(bits_text.data(), bits_text.data() + bits_text.size(), bits);
  if (error != std::errc() || stop != bits_text.data() + bits_text.size()) {
    return false;
  }
  in6_addr parsed{};
  return (inet_pton(AF_INET, address.c_str(), &parsed) == 1 && bits <= 32) ||
         (inet_pton(AF_INET6, address.c_str(), &parsed) == 1 && bits <= 128);
}

bool is_address(const std::string& text) {
  in6_addr parsed{};
  return inet_pton(AF_INET, text.c_str(), &parsed) == 1 ||
         inet_pton(AF_INET6, text.c_str(), &parsed) == 1;
}

}  // namespace drover
