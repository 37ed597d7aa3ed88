#include "messaging/client/resolve.h"

#include <netdb.h>
#include <sys/socket.h>

#include <array>
#include <memory>

namespace drover::messaging {

Result<std::string> resolve(const std::string& host) {
  addrinfo wanted{};
  wanted.ai_family = AF_UNSPEC;
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  int fault = getaddrinfo(host.c_str(), nullptr, &wanted, &found);
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owned(found, &freeaddrinfo);
  std::array<char, NI_MAXHOST> text{};
  if (fault == 0) {
    fault = getnameinfo(found->ai_addr, found->ai_addrlen, text.data(), text.size(), nullptr, 0,
                        NI_NUMERICHOST);
  }
  if (fault != 0) {
    return fail(Code::unavailable, "host {}: no address of it is known: {}", host,
                gai_strerror(fault));
  }
  return std::string(text.data());
}

}  // namespace drover::messaging
