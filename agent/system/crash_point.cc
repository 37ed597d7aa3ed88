#include "agent/system/crash_point.h"

#ifdef DROVER_CRASH_POINTS
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>
#include <thread>

#include "agent/system/unique_fd.h"

namespace drover::system {
namespace {

/// The point that a file names; "" for none. Read at each one, so that a test needs no new agent to
/// choose another.
std::string chosen(const std::string& path) {
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 256> text{};
  const ssize_t got = file.valid() ? read(file.get(), text.data(), text.size()) : 0;
  return {text.data(), static_cast<std::size_t>(got > 0 ? got : 0)};
}

void add_line(const std::string& path, std::string_view where) {
  const UniqueFd file(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  const std::string line = std::string(where) + "\n";
  [[maybe_unused]] const ssize_t written = write(file.get(), line.data(), line.size());
}

void hold(const std::string& folder, std::string_view where) {
  constexpr std::chrono::milliseconds kLookAgain{2};
  bool told = false;
  while (chosen(folder + "/hold") == where) {
    if (!told) {
      add_line(folder + "/held", where);
      told = true;
    }
    std::this_thread::sleep_for(kLookAgain);
  }
}

}  // namespace

void crash_point(std::string_view where) {
  // Read once: nobody changes the environment of a running agent.
  static const char* const folder = std::getenv("DROVER_CRASH");
  if (folder == nullptr) {
    return;
  }
  const std::string in(folder);
  add_line(in + "/passed", where);
  if (chosen(in + "/at") == where) {
    kill(getpid(), SIGKILL);
  }
  hold(in, where);
}

}  // namespace drover::system
#endif
