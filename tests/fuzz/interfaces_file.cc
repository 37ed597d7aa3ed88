// A file of interfaces(5), as admins write it.
#include "runtimes/network/interfaces_file.h"

#include "fuzz_target.h"

using namespace drover;  // NOLINT: a program of one function

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  const runtimes::InterfacesFile file = runtimes::parse_interfaces(text);
  for (const std::string& bridge : file.unlearning) {
    fuzz::require(!bridge.empty() && text.find(bridge) != std::string_view::npos,
                  "a bridge is named there");
  }
  for (const std::string& source : file.sources) {
    fuzz::require(!source.empty(), "a source is named");
  }
  return 0;
}
