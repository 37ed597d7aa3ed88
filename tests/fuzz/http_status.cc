// The first line of what a probed server answers.
#include "agent/core/http_status.h"

#include "fuzz_target.h"

using namespace drover;  // NOLINT: a program of one function

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  const std::optional<int> status = http_status(text);
  fuzz::require(!status || (*status >= 100 && *status <= 599), "a status has three digits");
  fuzz::require(http_status(text.substr(0, text.find('\n'))) == status,
                "what comes behind the first line does not matter");
  return 0;
}
