// Any bytes as JSON: what is accepted must come back from its own text.
#include "agent/core/json.h"

#include "fuzz_target.h"

using namespace drover;  // NOLINT: a program of one function

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  for (const bool comments : {false, true}) {
    const auto value = json::parse(text, {.comments = comments});
    if (value) {
      const auto again = json::parse(json::write(*value));
      fuzz::require(again && *again == *value, "a value is what its text says");
      const auto pretty = json::parse(json::write_pretty(*value));
      fuzz::require(pretty && *pretty == *value, "a value is what its indented text says");
    }
  }
  return 0;
}
