#include "tests/pve-sim/trace.h"

#include <fcntl.h>
#include <unistd.h>

#include <ctime>

#include "agent/core/json.h"
#include "agent/system/unique_fd.h"

namespace drover::pve_sim {

std::int64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

void trace(const path& file, std::string_view what, std::int64_t begin, std::int64_t end) {
  if (file.empty()) {
    return;
  }
  const std::string line =
      json::write(json::Object{{"what", what}, {"begin", begin}, {"end", end}}) + "\n";
  const system::UniqueFd out(open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  // Who measures misses the line.
  [[maybe_unused]] const ssize_t written = write(out.get(), line.data(), line.size());
}

}  // namespace drover::pve_sim
