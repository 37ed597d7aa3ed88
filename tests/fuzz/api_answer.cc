// An answer of the Proxmox API: a status in two bytes, the reason up to a line feed, and the body.
#include <algorithm>

#include "agent/core/utf8.h"
#include "fuzz_target.h"
#include "proxmox/answer.h"

using namespace drover;  // NOLINT: a program of one function

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) {
    return 0;
  }
  const std::string_view text = fuzz::text_of(data + 2, size - 2);
  const std::size_t end = std::min(text.find('\n'), text.size());
  proxmox::Answer answer;
  answer.status = 100 + (data[0] << 8U | data[1]) % 500;
  answer.reason = text.substr(0, end);
  answer.body = text.substr(std::min(end + 1, text.size()));
  const auto read = proxmox::read_answer(answer, "GET /version");
  fuzz::require(!read || answer.status / 100 == 2, "only a success has data");
  if (!read) {
    const std::string& message = read.error().message;
    fuzz::require(message.starts_with("GET /version"), "an error names the request");
    fuzz::require(message.find('\n') == std::string::npos, "an error is one line");
    fuzz::require(message.size() < 10'000, "an error has a bound");
    fuzz::require(repair_utf8(message) == message, "an error is UTF-8");
  } else {
    [[maybe_unused]] const auto list = proxmox::list_of(*read, "list");
  }
  return 0;
}
