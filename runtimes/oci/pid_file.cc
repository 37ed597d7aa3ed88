#include "runtimes/oci/pid_file.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>
#include <ctime>

namespace drover::runtimes {
namespace {

using system::Path;

template <class Number>
Number number_in(const Path& file) {
  const Result<std::string> text = system::read_file(file, 64);
  Number number = 0;
  const bool read =
      text && std::from_chars(text->data(), text->data() + text->size(), number).ec == std::errc();
  return read ? number : 0;
}

double seconds_of(const timespec& time) {
  constexpr double kNano = 1e-9;
  return static_cast<double>(time.tv_sec) + kNano * static_cast<double>(time.tv_nsec);
}

/// Whether the process was there when the file was written: a pid that is in use again is a younger
/// one's. Both ages are by now, because the file's clock may have been set since the boot.
bool was_there(pid_t pid, const Path& file) {
  const Result<std::uint64_t> ticks = system::start_time_of(pid);
  struct stat written {};
  timespec now{};
  timespec up{};
  if (!ticks || stat(file.c_str(), &written) != 0 || clock_gettime(CLOCK_REALTIME, &now) != 0 ||
      clock_gettime(CLOCK_BOOTTIME, &up) != 0) {
    return false;
  }
  const double started = static_cast<double>(*ticks) / static_cast<double>(sysconf(_SC_CLK_TCK));
  // Clocks are set by small steps all the time, and pids do not come again within seconds.
  constexpr double kSlack = 5;
  return seconds_of(up) - started + kSlack >= seconds_of(now) - seconds_of(written.st_mtim);
}

}  // namespace

pid_t pid_in(const Path& file) {
  const auto pid = number_in<pid_t>(file);
  return pid > 0 ? pid : 0;
}

Path start_file(const Path& pid_file) {
  return pid_file.native() + ".start";
}

Result<> keep_start_time(const Path& pid_file) {
  const Result<std::uint64_t> start = system::start_time_of(pid_in(pid_file));
  if (!start) {
    return start.error().code == Code::not_found ? Result<>() : Failure(start.error());
  }
  return system::write_unsynced(start_file(pid_file), std::to_string(*start), 0600);
}

std::optional<system::ProcessId> process_in(const Path& pid_file) {
  const pid_t pid = pid_in(pid_file);
  return pid == 0 ? std::nullopt
                  : std::optional(
                        system::ProcessId{pid, number_in<std::uint64_t>(start_file(pid_file))});
}

system::UniqueFd open_in(const Path& pid_file) {
  const pid_t pid = pid_in(pid_file);
  if (pid == 0) {
    return {};
  }
  if (const auto start = number_in<std::uint64_t>(start_file(pid_file)); start != 0) {
    Result<system::UniqueFd> process = system::open_process({pid, start});
    return process ? std::move(*process) : system::UniqueFd();
  }
  system::UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  return process.valid() && was_there(pid, pid_file) ? std::move(process) : system::UniqueFd();
}

}  // namespace drover::runtimes
