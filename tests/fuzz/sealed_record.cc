// A container's sealed record, as a disk may have left it.
#include "agent/jobs/sealed_record.h"

#include "fuzz_target.h"

using namespace drover;  // NOLINT: a program of one function

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto record = jobs::unseal(fuzz::text_of(data, size));
  if (record) {
    const auto again = jobs::unseal(jobs::seal(*record));
    fuzz::require(again.has_value(), "what was sealed is unsealed");
    fuzz::require(jobs::seal(*again) == jobs::seal(*record), "and says the same");
  }
  return 0;
}
