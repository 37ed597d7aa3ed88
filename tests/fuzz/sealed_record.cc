// The sealed records of a container and of a node, as a disk may have left them.
#include "agent/jobs/journal/sealed_record.h"

#include "agent/jobs/journal/node_record.h"
#include "fuzz_target.h"

using namespace drover;  // NOLINT: a program of one function

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto record = jobs::unseal(fuzz::text_of(data, size));
  if (record) {
    const auto again = jobs::unseal(jobs::seal(*record));
    fuzz::require(again.has_value(), "what was sealed is unsealed");
    fuzz::require(jobs::seal(*again) == jobs::seal(*record), "and says the same");
  }
  if (const auto node = jobs::unseal_node_record(fuzz::text_of(data, size))) {
    const auto again = jobs::unseal_node_record(jobs::seal(*node));
    fuzz::require(again.has_value(), "what was sealed is unsealed");
    fuzz::require(jobs::seal(*again) == jobs::seal(*node), "and says the same");
  }
  return 0;
}
