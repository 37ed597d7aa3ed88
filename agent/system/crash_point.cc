#include "agent/system/crash_point.h"

#ifdef DROVER_CRASH_POINTS
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <string>

#include "agent/system/unique_fd.h"

namespace drover::system {
namespace {

/// The point that is to crash; "" for none. Read at each one, so that a test needs no new agent to
/// choose another.
std::string chosen(const std::string& folder) {
  const UniqueFd file(open((folder + "/at").c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 256> text{};
  const ssize_t got = file.valid() ? read(file.get(), text.data(), text.size()) : 0;
  return {text.data(), static_cast<std::size_t>(got > 0 ? got : 0)};
}

}  // namespace

void crash_point(std::string_view where) {
  // Read once: nobody changes the environment of a running agent.
  static const char* const folder = std::getenv("DROVER_CRASH");
  if (folder == nullptr) {
    return;
  }
  const UniqueFd file(open((std::string(folder) + "/passed").c_str(),
                           O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  const std::string line = std::string(where) + "\n";
  [[maybe_unused]] const ssize_t written = write(file.get(), line.data(), line.size());
  if (chosen(folder) == where) {
    kill(getpid(), SIGKILL);
  }
}

}  // namespace drover::system
#endif
