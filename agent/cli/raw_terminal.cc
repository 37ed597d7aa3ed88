#include "agent/cli/raw_terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

namespace drover::cli {
namespace {

/// The others that end a process are taken by Interrupt.
constexpr std::array<int, 7> kFatal = {SIGPIPE, SIGQUIT, SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};

// For the signal's handler, which finds nothing else.
std::atomic<int> taken_fd = -1;
termios terminal_before{};

void put_back() {
  const int fd = taken_fd.exchange(-1);
  if (fd >= 0) {
    tcsetattr(fd, TCSADRAIN, &terminal_before);
  }
}

void handle(int signal) {
  const int error = errno;
  put_back();
  errno = error;
  // Its default is set by SA_RESETHAND, and it is delivered once this returns.
  raise(signal);
}

void handle_signals(void (*handler)(int), unsigned flags) {
  for (const int number : kFatal) {
    struct sigaction action {};
    action.sa_handler = handler;
    action.sa_flags = static_cast<int>(flags);
    sigaction(number, &action, nullptr);
  }
}

}  // namespace

Result<RawTerminal> RawTerminal::take(int fd) {
  termios raw{};
  if (tcgetattr(fd, &raw) != 0) {
    return fail(Code::invalid, "take the terminal: {}", std::strerror(errno));
  }
  terminal_before = raw;
  taken_fd = fd;
  handle_signals(handle, SA_RESETHAND);
  cfmakeraw(&raw);
  if (tcsetattr(fd, TCSANOW, &raw) != 0) {
    const int error = errno;
    taken_fd = -1;
    return fail(Code::broken, "take the terminal: {}", std::strerror(error));
  }
  return RawTerminal(fd);
}

RawTerminal::RawTerminal(RawTerminal&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

RawTerminal::~RawTerminal() {
  if (fd_ >= 0) {
    put_back();
    handle_signals(SIG_DFL, 0);
  }
}

TerminalSize terminal_size() {
  for (const int fd : {STDOUT_FILENO, STDIN_FILENO}) {
    winsize size{};
    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
      return {size.ws_col, size.ws_row};
    }
  }
  return {};
}

}  // namespace drover::cli
