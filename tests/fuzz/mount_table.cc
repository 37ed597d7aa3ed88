// /proc/self/mountinfo, whose paths others choose.
#include "runtimes/volumes/mount_table.h"

#include "fuzz_target.h"

using namespace drover;  // NOLINT: a program of one function

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  std::size_t lines = 1;
  for (const char c : text) {
    lines += c == 0x0a ? 1U : 0U;
  }
  fuzz::require(runtimes::parse_mount_table(text).size() <= lines, "one mount a line");
  return 0;
}
