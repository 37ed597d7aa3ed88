#include "runtimes/lxc/lxc_attach.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <lxc/attach_options.h>
#include <lxc/lxccontainer.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <memory>

#include "runtimes/lxc/lxc_tools.h"
#include "runtimes/oci/bundle.h"

namespace drover::runtimes {
namespace {

/// As a shell says it of a program that it does not find, and of one that it cannot run.
constexpr int kNoProgram = 127;
constexpr int kCannotRun = 126;

struct Put {
  void operator()(lxc_container* container) const { lxc_container_put(container); }
};

bool read_number(std::string_view text, std::uint32_t& number) {
  const auto [stopped, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && stopped == text.data() + text.size();
}

Result<> set_user(const std::string& user, lxc_attach_options_t& options) {
  if (user.empty()) {
    return {};
  }
  const std::size_t colon = user.find(':');
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  if (!read_number(user.substr(0, colon), uid) ||
      (colon != std::string::npos && !read_number(user.substr(colon + 1), gid))) {
    return fail(Code::refused, "user \"{}\": must be a number, or two as uid:gid", user);
  }
  options.uid = uid;
  options.gid = gid;
  return {};
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (std::string& text : strings) {
    result.push_back(text.data());
  }
  result.push_back(nullptr);
  return result;
}

struct Program {
  char** argv;
  const char* folder;
  int parent;  ///< pidfd
  const ProcessSettings* settings;
};

/// Async-signal-safe. No link of /proc is followed: this process still has all that its parent has
/// open, and an image may name one of those (CVE-2024-21626).
bool enter(const char* folder) {
  open_how how{};
  how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_NO_MAGICLINKS;
  const int fd = static_cast<int>(syscall(SYS_openat2, AT_FDCWD, folder, &how, sizeof how));
  return fd >= 0 && fchdir(fd) == 0;
}

/// Becomes the program; runs inside the guest, in the process that liblxc has made there.
int become(void* argument) {
  const Program& program = *static_cast<Program*>(argument);
  char** const argv = program.argv;
  // Nobody waits for it once its parent, whose thread does so until its end, is killed. Its
  // children are told nothing.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  pollfd ended{program.parent, POLLIN, 0};
  if (poll(&ended, 1, 0) > 0) {
    _exit(128 + SIGKILL);
  }
  // Its own, so that it is found with its children; liblxc has made one where it has a terminal.
  setsid();
  umask(kProgramUmask);
  // The worker's own blocked signals are not the program's.
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int number = 1; number < 32; ++number) {
    std::signal(number, SIG_DFL);
  }
  if (!enter(program.folder)) {
    dprintf(STDERR_FILENO, "%s: %s\n", program.folder, std::strerror(errno));
    _exit(kCannotRun);
  }
  if (!take_settings(*program.settings)) {
    dprintf(STDERR_FILENO, "its limits: %s\n", std::strerror(errno));
    _exit(kCannotRun);
  }
  execvp(argv[0], argv);
  const int error = errno;
  dprintf(STDERR_FILENO, "%s: %s\n", argv[0], std::strerror(error));
  _exit(error == ENOENT ? kNoProgram : kCannotRun);
}

using Guest = std::unique_ptr<lxc_container, Put>;

}  // namespace

Result<system::UniqueFd> lxc_open_init(const system::Path& lxc_path, const std::string& name) {
  const Guest guest(lxc_container_new(name.c_str(), lxc_path.c_str()));
  if (guest == nullptr) {
    return fail(Code::broken, "first process of {}: LXC does not know it", name);
  }
  system::UniqueFd init(guest->init_pidfd(guest.get()));
  if (!init.valid()) {
    return fail(Code::conflict, "container {} has no first process any more", name);
  }
  return init;
}

Result<pid_t> lxc_attach(const system::Path& lxc_path, const std::string& name,
                         const ExecRequest& request, const ProcessSettings& settings,
                         const AttachedStreams& streams) {
  if (request.command.empty()) {
    return fail(Code::invalid, "no program named");
  }
  const Guest guest(lxc_container_new(name.c_str(), lxc_path.c_str()));
  if (guest == nullptr) {
    return fail(Code::broken, "LXC does not know it");
  }
  std::vector<std::string> command = request.command;
  std::vector<std::string> environment;
  for (const auto& [variable, value] : request.env) {
    environment.push_back(variable + "=" + value);
  }
  const std::string folder = request.cwd.empty() ? "/" : request.cwd;
  std::string top = "/";
  std::vector<char*> argv = pointers(command);
  std::vector<char*> extra = pointers(environment);

  lxc_attach_options_t options = LXC_ATTACH_OPTIONS_DEFAULT;
  options.env_policy = LXC_ATTACH_CLEAR_ENV;
  options.extra_env_vars = extra.data();
  // liblxc would take the top where it cannot enter another one, and only warn.
  options.initial_cwd = top.data();
  // One that is a terminal becomes the program's own (lxc_make_controlling_terminal).
  options.stdin_fd = streams.in;
  options.stdout_fd = streams.out;
  options.stderr_fd = streams.err;
  TRY(set_user(request.user, options));
  const system::UniqueFd parent(static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0)));
  Program program{argv.data(), folder.c_str(), parent.get(), &settings};
  pid_t pid = -1;
  if (guest->attach(guest.get(), become, &program, &options, &pid) != 0) {
    return fail(Code::broken, "liblxc could not enter it: {}", std::strerror(errno));
  }
  return pid;
}

}  // namespace drover::runtimes
