// The config.json of a bundle.
#include "fuzz_target.h"
#include "runtimes/oci/spec.h"

using namespace drover;  // NOLINT: a program of one function

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  const auto spec = runtimes::Spec::parse(text);
  if (!spec) {
    return 0;
  }
  fuzz::require(!spec->args().empty(), "a valid spec has arguments");
  const auto again = runtimes::Spec::parse(spec->emit());
  fuzz::require(again && again->document() == spec->document(), "a spec is what its text says");
  return 0;
}
