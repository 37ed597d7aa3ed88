#include "agent/system/kernel_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <ctime>

#include "agent/system/unique_fd.h"

namespace drover::system {
namespace {

/// The longest record that the kernel gives (CONSOLE_EXT_LOG_MAX).
constexpr std::size_t kMostRecord = 8192;
/// More than the largest log holds, in case that it grows faster than it is read.
constexpr int kMostRecords = 1'000'000;
constexpr std::uint64_t kMicro = 1'000'000;
/// The clock of the log is not disciplined, and clocks that are drift from it by as much as NTP may
/// correct: 500 parts in a million (adjtimex(2)). A pid does not come again so soon.
constexpr std::uint64_t kDrift = 1000;

template <class Number>
bool take_number(std::string_view& text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return error == std::errc();
}

bool take(std::string_view& text, std::string_view what) {
  const bool found = text.starts_with(what);
  text.remove_prefix(found ? what.size() : 0);
  return found;
}

std::uint64_t micro_of(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * kMicro +
         static_cast<std::uint64_t>(now.tv_nsec) / 1000;
}

/// Not before the process was there, as far as the clocks tell.
bool is_of(const ProcessId& process, const EndedForMemory& ended) {
  if (ended.pid != process.pid) {
    return false;
  }
  const std::uint64_t up = micro_of(CLOCK_BOOTTIME);
  const std::uint64_t asleep = up - micro_of(CLOCK_MONOTONIC);
  const auto ticks = static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK));
  const std::uint64_t started = process.start_time * kMicro / ticks;
  return ended.at_us + asleep + up / kDrift + kMicro >= started;
}

}  // namespace

std::optional<EndedForMemory> ended_for_memory_in(std::string_view record) {
  EndedForMemory ended;
  std::uint64_t priority = 0;
  std::uint64_t sequence = 0;
  if (!take_number(record, priority) || !take(record, ",") || !take_number(record, sequence) ||
      !take(record, ",") || !take_number(record, ended.at_us)) {
    return std::nullopt;
  }
  // The lower three bits are the level, those above say who wrote it: 0 is the kernel.
  const std::size_t text = record.find(';');
  if (priority > 7 || text == std::string_view::npos) {
    return std::nullopt;
  }
  record.remove_prefix(text + 1);
  take(record, "Memory cgroup out of memory: ") || take(record, "Out of memory: ");
  if (!take(record, "Killed process ") || !take_number(record, ended.pid) || ended.pid <= 0) {
    return std::nullopt;
  }
  return ended;
}

bool was_ended_for_memory(const ProcessId& process) {
  const UniqueFd log(open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  std::array<char, kMostRecord> record{};
  for (int number = 0; log.valid() && number < kMostRecords; ++number) {
    const ssize_t size = read(log.get(), record.data(), record.size());
    if (size <= 0) {
      if (size < 0 && (errno == EPIPE || errno == EINTR)) {
        continue;  // those that were next are overwritten
      }
      return false;
    }
    const auto ended = ended_for_memory_in({record.data(), static_cast<std::size_t>(size)});
    if (ended && is_of(process, *ended)) {
      return true;
    }
  }
  return false;
}

}  // namespace drover::system
