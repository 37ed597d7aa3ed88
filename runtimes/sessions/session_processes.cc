#include "runtimes/sessions/session_processes.h"

#include <unistd.h>

#include <charconv>
#include <csignal>
#include <string>

#include "agent/system/file.h"

namespace drover::runtimes {
namespace {

pid_t number_of_entry(const system::Path& entry) {
  const std::string name = entry.filename();
  pid_t pid = 0;
  const auto [stopped, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
  return error == std::errc() && stopped == name.data() + name.size() ? pid : 0;
}

/// Fields 3 and 6 of /proc/PID/stat, proc(5).
bool lives_in_session(pid_t pid, pid_t leader) {
  const std::string stat = system::read_file(fmt::format("/proc/{}/stat", pid)).value_or("");
  // The name in field 2 may hold blanks and parentheses; what follows its last one is fixed.
  std::size_t at = stat.rfind(')');
  if (at == std::string::npos || at + 2 >= stat.size()) {
    return false;
  }
  const char state = stat[at + 2];
  for (int field = 2; field < 6 && at != std::string::npos; ++field) {
    at = stat.find(' ', at + 1);
  }
  pid_t session = 0;
  if (at != std::string::npos) {
    std::from_chars(stat.data() + at + 1, stat.data() + stat.size(), session);
  }
  return session == leader && state != 'Z' && state != 'X';
}

}  // namespace

void end_session_of(pid_t program) {
  // crun leads it itself, before it becomes the program's parent.
  const pid_t leader = getsid(program);
  ::kill(program, SIGKILL);
  if (leader <= 0 || leader == getsid(0)) {
    return;
  }
  // One that forks all the time may have made another behind the look.
  constexpr int kLooks = 10;
  for (int look = 0; look < kLooks; ++look) {
    bool found = false;
    for (const system::Path& entry : system::children_of("/proc")) {
      const pid_t pid = number_of_entry(entry);
      if (pid > 0 && lives_in_session(pid, leader)) {
        ::kill(pid, SIGKILL);
        found = true;
      }
    }
    if (!found) {
      return;
    }
  }
}

}  // namespace drover::runtimes
