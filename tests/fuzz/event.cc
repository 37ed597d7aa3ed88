// What somebody publishes as an event of ours.
#include "agent/core/event.h"

#include "fuzz_target.h"

using namespace drover;  // NOLINT: a program of one function

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  const auto value = json::parse(text);
  if (!value) {
    return 0;
  }
  const auto event = event_from_cloud(*value);
  if (event) {
    const json::Value written = to_cloud_event(*event, "node");
    const auto again = event_from_cloud(written);
    fuzz::require(again.has_value(), "an event is read from its own JSON");
    fuzz::require(to_cloud_event(*again, "node") == written, "an event is what its JSON says");
  }
  return 0;
}
