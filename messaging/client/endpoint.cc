#include "messaging/client/endpoint.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace drover::messaging {
namespace {

/// In the order of their ports.
constexpr std::array<std::string_view, 5> kSockets = {"jobs.sock", "query.sock", "events.sock",
                                                      "streams.sock", "admin.sock"};
constexpr std::string_view kScheme = "tcp://";
constexpr std::int64_t kLastPort = 65535 - (static_cast<std::int64_t>(kSockets.size()) - 1);

bool may_be_host(std::string_view host, bool in_brackets) {
  return !host.empty() && host.size() <= 253 &&
         std::all_of(host.begin(), host.end(), [in_brackets](char c) {
           const bool in_address = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
                                   (c >= 'A' && c <= 'F') || c == '.';
           const bool in_name = in_address || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                                c == '-' || c == '_';
           return in_brackets ? in_address || c == ':' : in_name;
         });
}

Failure no_address(std::string_view text) {
  return fail(Code::invalid,
              "\"{}\" is no node's address: tcp://HOST or tcp://HOST:PORT, an IPv6 address in "
              "brackets, PORT from 1 to {}",
              text.substr(0, 80), kLastPort);
}

}  // namespace

Result<TcpAddress> TcpAddress::parse(std::string_view text, std::uint16_t usual_port) {
  if (!text.starts_with(kScheme)) {
    return no_address(text);
  }
  std::string_view rest = text.substr(kScheme.size());
  const bool in_brackets = rest.starts_with('[');
  const std::size_t end = rest.find(in_brackets ? ']' : ':');
  if (in_brackets && end == std::string_view::npos) {
    return no_address(text);
  }
  TcpAddress address;
  address.port = usual_port;
  address.host = in_brackets ? rest.substr(1, end - 1) : rest.substr(0, end);
  rest = end == std::string_view::npos ? "" : rest.substr(in_brackets ? end + 1 : end);
  if (!may_be_host(address.host, in_brackets)) {
    return no_address(text);
  }
  if (rest.empty()) {
    return address;
  }
  std::int64_t port = 0;
  const std::string_view number = rest.substr(1);
  const auto [last, fault] = std::from_chars(number.data(), number.data() + number.size(), port);
  if (rest.front() != ':' || fault != std::errc() || last != number.data() + number.size() ||
      port < 1 || port > kLastPort) {
    return no_address(text);
  }
  address.port = static_cast<std::uint16_t>(port);
  return address;
}

std::string TcpAddress::text() const {
  const bool is_ipv6 = host.find(':') != std::string::npos;
  return is_ipv6 ? fmt::format("{}[{}]:{}", kScheme, host, port)
                 : fmt::format("{}{}:{}", kScheme, host, port);
}

std::string NodeEndpoint::text() const {
  const TcpEndpoint* over_tcp = tcp();
  return over_tcp == nullptr ? "bus folder " + folder()->native()
                             : "node " + over_tcp->address.text();
}

std::uint16_t port_of(std::string_view name, std::uint16_t first) {
  const auto found = std::find(kSockets.begin(), kSockets.end(), name);
  return static_cast<std::uint16_t>(first + (found - kSockets.begin()));
}

std::uint16_t dispatcher_port_of(std::string_view name, std::uint16_t first) {
  return static_cast<std::uint16_t>(first + (name == "events.sock" ? 2 : 1));
}

}  // namespace drover::messaging
