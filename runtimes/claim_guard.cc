#include "runtimes/claim_guard.h"

#include <poll.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <string>
#include <utility>

#include "agent/system/boot_time.h"
#include "agent/system/child.h"
#include "agent/system/sealed_program.h"
#include "agent/system/unique_fd.h"
#include "runtimes/claim_file.h"
#include "runtimes/oci/pid_file.h"

namespace drover::runtimes {
namespace {

using std::chrono::nanoseconds;

/// How often it is looked whether a program that was about to be started has come, when the time is
/// over.
constexpr std::chrono::milliseconds kLookForLate{200};

/// What the claim's file says now.
struct Term {
  bool is_ours = true;        // no other attempt has begun
  bool is_there = false;      // it was not released
  nanoseconds good_until{0};  // 0: it is over
};

Term term_of(const GuardedClaim& guarded) {
  const Result<ClaimFile> file = read_claim_file(guarded.claim_file);
  if (!file) {
    // One that cannot be read says nothing that a container could go on by.
    return {true, file.error().code != Code::not_found, nanoseconds(0)};
  }
  return {file->attempt == guarded.attempt, true, file->good_until};
}

class Guard {
 public:
  explicit Guard(const GuardedClaim& guarded) : guarded_(guarded) {}

  Result<> begin() {
    // It does not wake a machine that sleeps, whose programs sleep as well; CLOCK_BOOTTIME has gone
    // on when it wakes.
    timer_ = system::UniqueFd(timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK));
    return timer_.valid() ? Result<>()
                          : fail(Code::unavailable, "timerfd_create: {}", std::strerror(errno));
  }

  void run() {
    for (;;) {
      // The process first: one that is younger than what the file says next is not taken for ours.
      if (!process_.valid()) {
        process_ = open_in(guarded_.pid_file);
      }
      const Term term = term_of(guarded_);
      if (!term.is_ours) {
        return;
      }
      const nanoseconds now = system::boot_time();
      if (term.good_until > now) {
        if (await(term.good_until)) {
          return;
        }
        continue;
      }
      if (process_.valid()) {
        syscall(SYS_pidfd_send_signal, process_.get(), SIGKILL, nullptr, 0U);
        return;
      }
      if (!term.is_there) {
        return;
      }
      await(now + kLookForLate);
    }
  }

 private:
  /// True when the container has ended before.
  bool await(nanoseconds until) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(until);
    itimerspec time{};
    time.it_value.tv_sec = seconds.count();
    time.it_value.tv_nsec = std::max<std::int64_t>((until - seconds).count(), 1);
    timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &time, nullptr);
    std::array<pollfd, 2> fds = {{{timer_.get(), POLLIN, 0}, {process_.get(), POLLIN, 0}}};
    // A descriptor of -1 is passed over.
    while (poll(fds.data(), fds.size(), -1) < 0 && errno == EINTR) {
    }
    return (fds.at(1).revents & POLLIN) != 0;
  }

  const GuardedClaim& guarded_;
  system::UniqueFd timer_;
  system::UniqueFd process_;
};

}  // namespace

void guard_claim(const GuardedClaim& guarded, const std::function<void(const Result<>&)>& started) {
  Guard guard(guarded);
  const Result<> begun = guard.begin();
  started(begun);
  if (begun) {
    guard.run();
  }
}

Result<> start_guard(const system::Path& exec_program, const GuardedClaim& guarded,
                     const system::Stop& stop) {
  const std::string what = "guard " + guarded.claim_file.native();
  const system::SealedProgram sealed = TRY(system::SealedProgram::open(exec_program).context(what));
  system::RunOptions options;
  options.child.program = sealed.path();
  TRY(system::run_ok({exec_program.native(), "--guard", std::to_string(guarded.attempt),
                      "--pid-file", guarded.pid_file.native(), guarded.claim_file.native()},
                     stop, options)
          .context(what));
  return {};
}

}  // namespace drover::runtimes
