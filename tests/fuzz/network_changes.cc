// What changes of a node's network wait to be applied, as an API gave it.
#include "proxmox/network_changes.h"

#include <string>

#include "fuzz_target.h"

using namespace drover;  // NOLINT: a program of one function

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string text(fuzz::text_of(data, size));
  const auto changes = proxmox::read_network_changes(text);
  for (const std::string& interface : changes.interfaces) {
    const bool alone = changes.interfaces.size() == 1 && !changes.beyond;
    fuzz::require(changes.only(interface) == alone, "one alone is one and nothing beyond");
  }
  for (const std::string& interface : changes.come) {
    fuzz::require(changes.interfaces.contains(interface), "what comes is a change");
  }
  fuzz::require(changes.empty() || !changes.str().empty(), "a change can be named");
  return 0;
}
