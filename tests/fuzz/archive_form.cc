// The archive that a user has sent to a node.
#include "agent/cli/archive_form.h"

#include <algorithm>

#include "fuzz_target.h"

using namespace drover;  // NOLINT: a program of one function

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  const auto form =
      cli::archive_form([text](std::uint64_t offset, std::span<char> into) -> Result<std::size_t> {
        const std::string_view rest = text.substr(std::min<std::uint64_t>(offset, text.size()));
        return rest.copy(into.data(), into.size());
      });
  fuzz::require(!form || *form == "oci-archive" || *form == "docker-archive",
                "an archive has one of two forms");
  return 0;
}
