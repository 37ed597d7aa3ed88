// A configuration file.
#include "agent/core/config.h"

#include "fuzz_target.h"

using namespace drover;  // NOLINT: a program of one function

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  const auto config = parse_config(text);
  if (config) {
    const RoutingChoice choice = config->container_type("my-app-db");
    fuzz::require(!choice.rule || *choice.rule < config->runtime.rules.size(), "a rule that is");
  } else {
    fuzz::require(config.error().code == Code::invalid, "a bad configuration is invalid");
  }
  return 0;
}
