// A line of a task's log, as an API gave it.
#include "proxmox/task_progress.h"

#include <string>

#include "fuzz_target.h"

using namespace drover;  // NOLINT: a program of one function

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view line = fuzz::text_of(data, size);
  const auto percent = proxmox::percent_in(line);
  fuzz::require(!percent || (0 <= *percent && *percent <= 100), "a percentage is one");
  fuzz::require(proxmox::percent_in(std::string(line) + " 7%") == 7, "the last one counts");
  const std::string_view mode = proxmox::backup_mode_in(line);
  fuzz::require(mode.empty() || line.ends_with(mode),
                "the mode of a backup is what its line tells");
  return 0;
}
