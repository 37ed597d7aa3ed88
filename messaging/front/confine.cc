#include "messaging/front/confine.h"

#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <memory>
#include <utility>

namespace drover::messaging {
namespace {

using Filter = std::unique_ptr<void, decltype(&seccomp_release)>;

/// Of our own loop, of libzmq's threads and of the libraries below them, on Debian 12 and 13.
constexpr std::array kAllowed = {
    // Sockets, but for making them.
    SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(bind), SCMP_SYS(connect), SCMP_SYS(getpeername),
    SCMP_SYS(getsockname), SCMP_SYS(getsockopt), SCMP_SYS(listen), SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg), SCMP_SYS(sendmsg), SCMP_SYS(sendto), SCMP_SYS(setsockopt),
    SCMP_SYS(shutdown),
    // Descriptors. libzmq removes a socket's file when it closes it.
    SCMP_SYS(close), SCMP_SYS(eventfd2), SCMP_SYS(fcntl), SCMP_SYS(fstat), SCMP_SYS(read),
    SCMP_SYS(readv), SCMP_SYS(unlink), SCMP_SYS(unlinkat), SCMP_SYS(write), SCMP_SYS(writev),
    // Waiting.
    SCMP_SYS(clock_nanosleep), SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_wait), SCMP_SYS(futex), SCMP_SYS(nanosleep), SCMP_SYS(poll), SCMP_SYS(ppoll),
    SCMP_SYS(restart_syscall), SCMP_SYS(sched_yield),
    // A thread of libzmq's that was just made asks for its own scheduling and sets it as it is.
    SCMP_SYS(sched_getparam), SCMP_SYS(sched_getscheduler), SCMP_SYS(sched_setscheduler),
    // Memory, but for what can be run.
    SCMP_SYS(brk), SCMP_SYS(madvise), SCMP_SYS(mremap), SCMP_SYS(munmap),
    // Time, randomness, and who this is.
    SCMP_SYS(clock_getres), SCMP_SYS(clock_gettime), SCMP_SYS(getegid), SCMP_SYS(geteuid),
    SCMP_SYS(getgid), SCMP_SYS(getpid), SCMP_SYS(getrandom), SCMP_SYS(gettid),
    SCMP_SYS(gettimeofday), SCMP_SYS(getuid), SCMP_SYS(sched_getaffinity),
    // Signals, its own too (abort), and ends.
    SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn), SCMP_SYS(rseq), SCMP_SYS(set_robust_list), SCMP_SYS(sigaltstack),
    SCMP_SYS(tgkill)};

/// Of this machine, of IP, and, as libzmq asks for the machine's addresses whenever it binds one,
/// of routes.
constexpr std::array kFamilies = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};

#ifdef DROVER_SANITIZED
/// What sanitizers do at the end and when they have found something.
constexpr std::array kOfSanitizers = {
    SCMP_SYS(clone),  SCMP_SYS(getdents), SCMP_SYS(getdents64),  SCMP_SYS(getppid),
    SCMP_SYS(ioctl),  SCMP_SYS(kill),     SCMP_SYS(lseek),       SCMP_SYS(lstat),
    SCMP_SYS(mmap),   SCMP_SYS(mprotect), SCMP_SYS(newfstatat),  SCMP_SYS(open),
    SCMP_SYS(openat), SCMP_SYS(pipe2),    SCMP_SYS(prctl),       SCMP_SYS(prlimit64),
    SCMP_SYS(ptrace), SCMP_SYS(readlink), SCMP_SYS(sigaltstack), SCMP_SYS(stat),
    SCMP_SYS(wait4)};
#else
constexpr std::array<int, 0> kOfSanitizers = {};
#endif

/// libseccomp answers with the negative number of an error.
int add_rules(scmp_filter_ctx filter) {
  int failed = 0;
  const auto add = [&](int number) {
    if (failed == 0) {
      failed = number;
    }
  };
  for (const int call : kAllowed) {
    add(seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0));
  }
  for (const int call : kOfSanitizers) {
    add(seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0));
  }
  for (const int family : kFamilies) {
    const scmp_arg_cmp is_family{0, SCMP_CMP_EQ, static_cast<scmp_datum_t>(family), 0};
    add(seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, &is_family));
  }
  // The same thread gives itself a name.
  const scmp_arg_cmp is_name{0, SCMP_CMP_EQ, PR_SET_NAME, 0};
  const scmp_arg_cmp cannot_run{2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0};
  if (kOfSanitizers.empty()) {
    add(seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1, &is_name));
    for (const int call : {SCMP_SYS(mmap), SCMP_SYS(mprotect)}) {
      add(seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, 1, &cannot_run));
    }
  }
  for (const int call : {SCMP_SYS(execve), SCMP_SYS(execveat)}) {
    add(seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, call, 0));
  }
  return failed;
}

}  // namespace

Result<> confine() {
  // The log tells the time, and looks into /etc/localtime once.
  tzset();
  const Filter filter(seccomp_init(SCMP_ACT_ERRNO(EPERM)), seccomp_release);
  int failed = filter == nullptr ? -ENOMEM : 0;
  for (const auto& [attribute, value] :
       {std::pair(SCMP_FLTATR_CTL_TSYNC, std::uint32_t{1}),
        std::pair(SCMP_FLTATR_ACT_BADARCH, std::uint32_t{SCMP_ACT_KILL_PROCESS})}) {
    if (failed == 0) {
      failed = seccomp_attr_set(filter.get(), attribute, value);
    }
  }
  if (failed == 0) {
    failed = add_rules(filter.get());
  }
  if (failed == 0) {
    failed = seccomp_load(filter.get());
  }
  if (failed != 0) {
    return fail(Code::broken,
                "confine this process to the calls it needs: {}; the kernel must have seccomp "
                "filters (CONFIG_SECCOMP_FILTER)",
                std::strerror(-failed));
  }
  return {};
}

}  // namespace drover::messaging
