#include "agent/system/process.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <string>

#include "agent/system/file.h"

namespace drover::system {

Result<std::uint64_t> start_time_of(pid_t pid) {
  Result<std::string> stat = read_file(fmt::format("/proc/{}/stat", pid), 4096);
  if (!stat) {
    return fail(Code::not_found, "process {} does not exist", pid);
  }
  // The name in field 2 may hold blanks and parentheses; what follows its last one is fixed.
  std::size_t at = stat->rfind(')');
  for (int field = 2; field < 22 && at != std::string::npos; ++field) {
    at = stat->find(' ', at + 1);
  }
  std::uint64_t ticks = 0;
  if (at == std::string::npos ||
      std::from_chars(stat->data() + at + 1, stat->data() + stat->size(), ticks).ec !=
          std::errc()) {
    return fail(Code::broken, "/proc/{}/stat has no start time", pid);
  }
  return ticks;
}

Result<UniqueFd> open_process(const ProcessId& process) {
  UniqueFd fd(static_cast<int>(syscall(SYS_pidfd_open, process.pid, 0)));
  if (!fd.valid()) {
    if (errno == ESRCH || errno == EINVAL) {
      return fail(Code::not_found, "process {} has ended", process.pid);
    }
    return fail(Code::broken, "pidfd_open of process {}: {}", process.pid, std::strerror(errno));
  }
  // Asked after the open: as long as the pidfd is open and this still fits, it names our process.
  Result<std::uint64_t> start = start_time_of(process.pid);
  if (!start || *start != process.start_time) {
    return fail(Code::not_found, "process {} has ended; its pid names another one now",
                process.pid);
  }
  return fd;
}

Result<pid_t> pid_of(const UniqueFd& process) {
  const std::string info = TRY(read_file(fmt::format("/proc/self/fdinfo/{}", process.get()), 4096));
  constexpr std::string_view kKey = "\nPid:\t";
  const std::size_t at = info.find(kKey);
  pid_t pid = 0;
  if (at == std::string::npos ||
      std::from_chars(info.data() + at + kKey.size(), info.data() + info.size(), pid).ec !=
          std::errc()) {
    return fail(Code::broken, "descriptor {} is none of a process", process.get());
  }
  pollfd ended{process.get(), POLLIN, 0};
  if (pid <= 0 || poll(&ended, 1, 0) != 0) {
    return fail(Code::not_found, "the process has ended");
  }
  return pid;
}

}  // namespace drover::system
