// What answers a container's interface that asks a DHCP server for resolvers.
#include <algorithm>

#include "agent/core/ip_address.h"
#include "fuzz_target.h"
#include "runtimes/network/dhcp_inform.h"

using namespace drover;  // NOLINT: a program of one function

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto dns = runtimes::read_dhcp_answer(fuzz::text_of(data, size), 0x01020304);
  if (dns) {
    fuzz::require(dns->servers.size() <= 3 &&
                      std::all_of(dns->servers.begin(), dns->servers.end(), is_address),
                  "servers are at most three addresses");
    fuzz::require(std::all_of(dns->search.begin(), dns->search.end(),
                              [](const std::string& name) {
                                return !name.empty() &&
                                       name.find_first_of(" \t\r\n") == std::string::npos;
                              }),
                  "a domain is one word");
  }
  return 0;
}
