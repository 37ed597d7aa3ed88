// Profiles of seccomp, of which those of other programs are translated.
#include "runtimes/oci/seccomp_profile.h"

#include "fuzz_target.h"

using namespace drover;  // NOLINT: a program of one function

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const runtimes::SeccompFacts facts{"x86_64", 6, 1, {"CAP_CHOWN", "CAP_SYS_ADMIN"}};
  const auto filter = runtimes::read_seccomp_profile(fuzz::text_of(data, size), facts);
  if (!filter) {
    return 0;
  }
  fuzz::require(filter->at("defaultAction").string_or("").starts_with("SCMP_ACT_"),
                "a filter has a default");
  fuzz::require(filter->find("archMap") == nullptr, "what is given has no map");
  const auto again = runtimes::read_seccomp_profile(json::write(*filter), facts);
  fuzz::require(again && *again == *filter, "what is given is in the form that is taken as it is");
  return 0;
}
