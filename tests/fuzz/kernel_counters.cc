// The kernel's files of counters, in which who is root in a container chooses names.
#include "runtimes/kernel_counters.h"

#include "fuzz_target.h"

using namespace drover;  // NOLINT: a program of one function

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  const auto interfaces = runtimes::interfaces_of(text);
  fuzz::require(interfaces.size() <= 64, "interfaces are bounded");
  for (const runtimes::InterfaceUsage& one : interfaces) {
    for (const char c : one.interface) {
      fuzz::require(c > ' ' && c < 0x7f, "a name cannot move the cursor");
    }
  }
  runtimes::Usage usage;
  usage.networks = interfaces;
  usage.io = runtimes::io_of_stat(text);
  usage.io.reads = runtimes::sums_of_blkio(text).reads;
  usage.memory.usage_bytes = runtimes::single_number(text);
  usage.memory.oom_kills = runtimes::number_of_key(text, "oom_kill");
  const std::string written = json::write(json::Value(runtimes::to_json(usage)));
  fuzz::require(json::parse(written).has_value(), "what is told can be read");
  return 0;
}
