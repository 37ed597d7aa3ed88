// What runc or crun prints of a container.
#include "fuzz_target.h"
#include "runtimes/oci/live_state.h"

using namespace drover;  // NOLINT: a program of one function

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  const auto state = runtimes::parse_live_state(text);
  if (state) {
    fuzz::require(state->pid >= 0, "no process has a number below 0");
  }
  return 0;
}
