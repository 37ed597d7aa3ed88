#include "runtimes/network/dhcp_inform.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "agent/core/ascii.h"
#include "agent/system/inner_connection.h"

namespace drover::runtimes {
namespace {

using Clock = std::chrono::steady_clock;

// The fixed part of a message (RFC 2131, 2).
constexpr std::size_t kTransaction = 4;
constexpr std::size_t kClient = 12;
constexpr std::size_t kHardware = 28;
constexpr std::size_t kCookie = 236;
constexpr std::size_t kOptions = 240;
constexpr std::string_view kMagic = "\x63\x82\x53\x63";
constexpr char kReply = 2;
// Options (RFC 2132).
constexpr unsigned kPad = 0;
constexpr unsigned kServers = 6;
constexpr unsigned kDomain = 15;
constexpr unsigned kType = 53;
constexpr unsigned kEnd = 255;
constexpr char kAck = 5;

constexpr std::uint16_t kServerPort = 67;
constexpr std::uint16_t kClientPort = 68;
constexpr std::size_t kAddressBytes = 4;
constexpr std::size_t kMostServers = 3;
constexpr std::size_t kMostDomain = 253;
constexpr std::array kTries = {std::chrono::milliseconds(500), std::chrono::milliseconds(1500)};

unsigned byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes.at(at));
}

std::string in_network_order(std::uint32_t number) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) {
    bytes += static_cast<char>(number >> static_cast<unsigned>(shift) & 0xffU);
  }
  return bytes;
}

/// It goes into a file of lines.
bool is_domain(std::string_view name) {
  return !name.empty() && name.size() <= kMostDomain &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return is_alphanumeric(c) || c == '-' || c == '_' || c == '.'; });
}

void take_option(unsigned code, std::string_view value, DnsSpec& dns, bool& is_ack) {
  if (code == kType) {
    is_ack = value == std::string_view(&kAck, 1);
  } else if (code == kServers) {
    for (; value.size() >= kAddressBytes && dns.servers.size() < kMostServers;
         value.remove_prefix(kAddressBytes)) {
      dns.servers.push_back(fmt::format("{}.{}.{}.{}", byte_at(value, 0), byte_at(value, 1),
                                        byte_at(value, 2), byte_at(value, 3)));
    }
  } else if (code == kDomain) {
    const std::string_view name = value.substr(0, value.find('\0'));
    if (is_domain(name)) {
      dns.search = {std::string(name)};
    }
  }
}

const sockaddr* as_any(const sockaddr_in& address) {
  return reinterpret_cast<const sockaddr*>(&address);  // NOLINT: what the interface asks for
}

Result<system::UniqueFd> client_socket(const system::Path& netns, const std::string& interface) {
  system::UniqueFd fd = TRY(system::socket_within(netns, AF_INET, SOCK_DGRAM));
  const int on = 1;
  sockaddr_in own{};
  own.sin_family = AF_INET;
  own.sin_port = htons(kClientPort);
  if (setsockopt(fd.get(), SOL_SOCKET, SO_BROADCAST, &on, sizeof on) != 0 ||
      setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, interface.c_str(),
                 static_cast<socklen_t>(interface.size() + 1)) != 0 ||
      bind(fd.get(), as_any(own), sizeof own) != 0) {
    return fail(Code::unavailable, "be a DHCP client at interface {}: {}", interface,
                std::strerror(errno));
  }
  return fd;
}

/// What comes within the time and is an answer.
Result<std::optional<DnsSpec>> await_answer(int fd, std::uint32_t transaction,
                                            std::chrono::milliseconds time,
                                            const system::Stop& stop) {
  const Clock::time_point limit = Clock::now() + time;
  std::array<char, 1500> packet{};
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(limit - Clock::now()).count();
    if (left <= 0) {
      return std::optional<DnsSpec>();
    }
    std::array<pollfd, 2> fds{{{fd, POLLIN, 0}, {stop.fd(), POLLIN, 0}}};
    poll(fds.data(), fds.size(), static_cast<int>(left));
    TRY(stop.check("ask a DHCP server for resolvers"));
    const ssize_t size = recv(fd, packet.data(), packet.size(), 0);
    if (size > 0) {
      std::optional<DnsSpec> dns =
          read_dhcp_answer({packet.data(), static_cast<std::size_t>(size)}, transaction);
      if (dns) {
        return dns;
      }
    }
  }
}

}  // namespace

std::string dhcp_inform(std::uint32_t transaction, const std::string& address,
                        const std::string& mac) {
  std::string packet(kCookie, '\0');
  packet.replace(0, 3, "\x01\x01\x06");  // a request, by Ethernet, whose addresses have 6 bytes
  packet.replace(kTransaction, 4, in_network_order(transaction));
  in_addr own{};
  inet_pton(AF_INET, address.c_str(), &own);
  packet.replace(kClient, 4, in_network_order(ntohl(own.s_addr)));
  for (std::size_t i = 0; i < 6 && 3 * i + 2 <= mac.size(); ++i) {
    packet.at(kHardware + i) = static_cast<char>(std::stoi(mac.substr(3 * i, 2), nullptr, 16));
  }
  packet += kMagic;
  packet += "\x35\x01\x08";      // DHCPINFORM
  packet += "\x37\x02\x06\x0f";  // that asks for resolvers and the domain
  packet += '\xff';
  constexpr std::size_t kLeast = 300;  // as relays want it (RFC 1542, 2.1)
  packet.resize(std::max(packet.size(), kLeast));
  return packet;
}

std::optional<DnsSpec> read_dhcp_answer(std::string_view packet, std::uint32_t transaction) {
  if (packet.size() < kOptions || packet.front() != kReply ||
      packet.substr(kTransaction, 4) != in_network_order(transaction) ||
      packet.substr(kCookie, 4) != kMagic) {
    return std::nullopt;
  }
  DnsSpec dns;
  bool is_ack = false;
  std::string_view options = packet.substr(kOptions);
  while (!options.empty() && byte_at(options, 0) != kEnd) {
    if (byte_at(options, 0) == kPad) {
      options.remove_prefix(1);
      continue;
    }
    if (options.size() < 2 || options.size() - 2 < byte_at(options, 1)) {
      return std::nullopt;
    }
    const std::size_t size = byte_at(options, 1);
    take_option(byte_at(options, 0), options.substr(2, size), dns, is_ack);
    options.remove_prefix(2 + size);
  }
  return is_ack ? std::optional(dns) : std::nullopt;
}

Result<DnsSpec> ask_for_resolvers(const system::Path& netns, const std::string& interface,
                                  const std::string& address, const std::string& mac,
                                  const system::Stop& stop) {
  const system::UniqueFd fd = TRY(client_socket(netns, interface));
  std::uint32_t transaction = 0;
  if (getrandom(&transaction, sizeof transaction, 0) != ssize_t{sizeof transaction}) {
    return fail(Code::broken, "getrandom: {}", std::strerror(errno));
  }
  const std::string packet = dhcp_inform(transaction, address, mac);
  sockaddr_in all{};
  all.sin_family = AF_INET;
  all.sin_port = htons(kServerPort);
  all.sin_addr.s_addr = htonl(INADDR_BROADCAST);
  for (const std::chrono::milliseconds time : kTries) {
    sendto(fd.get(), packet.data(), packet.size(), 0, as_any(all), sizeof all);
    const std::optional<DnsSpec> dns = TRY(await_answer(fd.get(), transaction, time, stop));
    if (dns) {
      return *dns;
    }
  }
  return fail(Code::unavailable, "no DHCP server tells interface {} its resolvers", interface);
}

}  // namespace drover::runtimes
