#include "runtimes/lxc/own_terminal.h"

#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <string>

#include "agent/system/file.h"
#include "agent/system/window_size.h"

namespace drover::lxc {
namespace {

struct GivenTerminal {
  TerminalSize size;
  bool controls = false;
};

/// Of this process and what is forked of it.
std::optional<GivenTerminal>& given() {
  static std::optional<GivenTerminal> terminal;
  return terminal;
}

/// The other ends of pseudo-terminals (pts(4)).
bool is_master(const system::Path& file) {
  constexpr unsigned kMajor = 5;
  constexpr unsigned kMinor = 2;
  struct stat facts {};
  return ::stat(file.c_str(), &facts) == 0 && S_ISCHR(facts.st_mode) &&
         facts.st_rdev == makedev(kMajor, kMinor);
}

}  // namespace

void give_terminal_at_setsid(const TerminalSize& size, bool controls) {
  given() = GivenTerminal{size, controls};
}

Result<system::UniqueFd> take_terminal_of(pid_t starter) {
  const system::UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, starter, 0)));
  for (const system::Path& file : system::children_of(fmt::format("/proc/{}/fd", starter))) {
    if (!is_master(file)) {
      continue;
    }
    const std::string number = file.filename();
    int fd = -1;
    std::from_chars(number.data(), number.data() + number.size(), fd);
    system::UniqueFd taken(static_cast<int>(syscall(SYS_pidfd_getfd, process.get(), fd, 0)));
    return taken.valid() ? Result<system::UniqueFd>(std::move(taken))
                         : fail(Code::unavailable, "take the container's terminal from LXC: {}",
                                std::strerror(errno));
  }
  return fail(Code::broken, "LXC has made no terminal for the container's program");
}

}  // namespace drover::lxc

/// In place of libc's (own_terminal.h).
extern "C" __attribute__((visibility("default"))) pid_t setsid() noexcept {
  const auto session = static_cast<pid_t>(syscall(SYS_setsid));
  if (const auto& terminal = drover::lxc::given(); session > 0 && terminal) {
    drover::system::set_window_size(STDIN_FILENO, terminal->size);
    if (terminal->controls) {
      ioctl(STDIN_FILENO, TIOCSCTTY, 0);
    }
  }
  return session;
}
