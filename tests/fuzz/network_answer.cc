// What a network plugin printed.
#include "fuzz_target.h"
#include "runtimes/network/cni.h"
#include "runtimes/network/network.h"
#include "runtimes/network/reservations.h"

using namespace drover;  // NOLINT: a program of one function

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  const std::string container = runtimes::holder_of(text).container;
  fuzz::require(container.empty() || text.starts_with(container), "a name that the text has not");
  const auto value = json::parse(text);
  if (!value) {
    return 0;
  }
  (void)runtimes::read_cni_result(*value).has_value();
  const auto attachment = runtimes::attachment_from_json(*value);
  if (attachment) {
    const auto again = runtimes::attachment_from_json(to_json(*attachment));
    fuzz::require(again && again->interface == attachment->interface,
                  "an attachment is what its JSON says");
  }
  return 0;
}
