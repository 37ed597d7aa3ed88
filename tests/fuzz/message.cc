// The header of a message from a client, and the body of an error.
#include "messaging/message.h"

#include "fuzz_target.h"

using namespace drover;  // NOLINT: a program of one function

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  const auto header = messaging::read_header(text);
  if (header) {
    const auto again = messaging::read_header(messaging::write_header(header->kind, header->rq));
    fuzz::require(again && again->kind == header->kind && again->rq == header->rq,
                  "a header is what its text says");
    (void)messaging::check_kind(messaging::Role::submit, header->kind).has_value();
    for (const std::size_t bytes : {0U, 1U}) {
      const bool has_form = messaging::check_form(*header, bytes).has_value();
      const json::Value* offset = header->all.find("offset");
      const bool has_offset =
          offset != nullptr && offset->integer() != nullptr && *offset->integer() >= 0;
      fuzz::require(!has_form || !messaging::takes_data(header->kind) || has_offset,
                    "data have their place");
      fuzz::require(!has_form || bytes == 0 || messaging::takes_data(header->kind),
                    "what takes no data has none");
    }
  }
  // What is no UTF-8 is repaired once and then stays.
  const Error error = messaging::read_error(messaging::write_error(messaging::read_error(text)));
  const Error again = messaging::read_error(messaging::write_error(error));
  fuzz::require(
      again.code == error.code && again.message == error.message && again.faults == error.faults,
      "an error is what its body says");
  return 0;
}
