// The envelope of a message from a dispatcher.
#include "messaging/envelope.h"

#include "fuzz_target.h"

using namespace drover;  // NOLINT: a program of one function

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto envelope = messaging::read_envelope(fuzz::text_of(data, size));
  if (!envelope) {
    return 0;
  }
  const std::string text = messaging::write_envelope(*envelope);
  fuzz::require(text.size() <= messaging::kMostEnvelope, "an envelope stays as small as it must");
  const auto again = messaging::read_envelope(text);
  fuzz::require(again && *again == *envelope, "an envelope is what its text says");
  fuzz::require(envelope->client || (envelope->sender.empty() && !envelope->role),
                "without a client nobody asks");
  fuzz::require(!envelope->role || *envelope->role <= KeyRole::admin,
                "a client's role is one of clients");
  return 0;
}
