// A packet from the front, which is not trusted.
#include "messaging/record.h"

#include "fuzz_target.h"

using namespace drover;  // NOLINT: a program of one function

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  const auto records = messaging::decode(text);
  if (!records) {
    return 0;
  }
  std::string packet;
  for (const messaging::Record& record : *records) {
    fuzz::require(messaging::encode(record, packet).has_value(), "a decoded record is encoded");
  }
  const auto again = messaging::decode(packet);
  fuzz::require(again && again->size() == records->size(), "records are what their packet says");
  return 0;
}
