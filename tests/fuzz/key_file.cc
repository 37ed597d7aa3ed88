// A file with a pair of keys.
#include "agent/core/curve_key.h"
#include "fuzz_target.h"

using namespace drover;  // NOLINT: a program of one function

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto pair = KeyPair::parse(fuzz::text_of(data, size));
  if (pair) {
    const auto again = KeyPair::parse(pair->text());
    fuzz::require(again.has_value() && *again == *pair, "what is written is read as it was");
  } else {
    fuzz::require(pair.error().code == Code::invalid, "a bad file is invalid");
  }
  return 0;
}
