// The name of a task, as an API gave it.
#include "proxmox/upid.h"

#include "fuzz_target.h"

using namespace drover;  // NOLINT: a program of one function

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  const auto upid = proxmox::Upid::parse(text);
  if (upid) {
    const auto again = proxmox::Upid::parse(upid->str());
    fuzz::require(again && *again == *upid, "a UPID is what its text says");
  }
  return 0;
}
