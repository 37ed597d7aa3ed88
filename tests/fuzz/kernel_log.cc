// Records of the kernel's log, in which a program in a container has its name.
#include "agent/system/kernel_log.h"

#include "fuzz_target.h"

using namespace drover;  // NOLINT: a program of one function

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto ended = system::ended_for_memory_in(fuzz::text_of(data, size));
  fuzz::require(!ended || ended->pid > 0, "a process has a number");
  return 0;
}
