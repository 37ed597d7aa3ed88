// drover-lxc: starts one LXC container and stays with it until it has ended.
//
// Called by droverd. It returns when the container's program runs (0) or cannot be run (1, with why
// on standard error), and leaves behind the monitor: nobody's child, in a session of its own.
// Called by liblxc with "--prepare FOLDER" it is that start's hook (prepare_root.h), with "--ended
// FOLDER" the one of the end (lack_of_memory_note).
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>

#include "runtimes/lxc/lxc_config.h"
#include "runtimes/lxc/monitor.h"
#include "runtimes/lxc/prepare_root.h"
#include "runtimes/oci/cgroup.h"

namespace {

using namespace drover;

/// The monitor's answer to whoever waits for it: empty for success.
[[noreturn]] void be_monitor(const lxc::MonitorPlan& plan, int answer) {
  setsid();
  if (fork() != 0) {
    _exit(0);
  }
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    dup2(null, fd);
  }
  bool answered = false;
  const auto started = [&](const Result<>& result) {
    if (std::exchange(answered, true)) {
      return;
    }
    const std::string text = result ? "+" : "-" + result.error().message;
    [[maybe_unused]] const Result<> written = system::write_all(answer, text);
    ::close(answer);
  };
  try {
    lxc::run_monitor(plan, started);
  } catch (const std::exception& error) {
    started(fail(Code::broken, "{}", error.what()));
  }
  _exit(0);
}

int wait_for_answer(int answer) {
  std::string text;
  std::array<char, 4096> buffer{};
  for (ssize_t size = 0; (size = ::read(answer, buffer.data(), buffer.size())) > 0;) {
    text.append(buffer.data(), static_cast<std::size_t>(size));
  }
  if (text.starts_with('+')) {
    return 0;
  }
  std::fprintf(stderr, "%s\n", text.empty() ? "the monitor ended at once" : text.c_str() + 1);
  return 1;
}

int be_hook(const system::Path& home) {
  const char* const root = std::getenv("LXC_ROOTFS_MOUNT");
  const Result<> prepared = root == nullptr ? fail(Code::broken, "LXC names no root to prepare")
                                            : lxc::prepare_root(root, home);
  if (!prepared) {
    [[maybe_unused]] const Result<> told =
        system::write_atomically(lxc::prepare_error(home), prepared.error().message, 0600);
  }
  return prepared ? 0 : 1;
}

int be_end_hook(const system::Path& home) {
  const Result<ContainerName> name = ContainerName::parse(home.filename().native());
  if (name && runtimes::had_lack_of_memory("/" + runtimes::lxc_cgroup(*name))) {
    [[maybe_unused]] const Result<> noted =
        system::write_atomically(runtimes::lack_of_memory_note(home), "", 0600);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::string_view(argv[1]) == "--prepare") {
    return be_hook(argv[2]);
  }
  if (argc == 3 && std::string_view(argv[1]) == "--ended") {
    return be_end_hook(argv[2]);
  }
  CLI::App app("drover-lxc: starts one LXC container and stays with it; called by droverd");
  lxc::MonitorPlan plan;
  std::string lxc_path;
  std::string log;
  std::string exit_file;
  std::string pid_file;
  app.add_option("--lxc-path", lxc_path, "folder of LXC's containers")->required();
  app.add_option("--name", plan.name, "the container")->required();
  app.add_option("--log", log, "file for what it prints")->required();
  app.add_option("--log-file-bytes", plan.log_bounds.file_bytes,
                 "a file of it that has more is full")
      ->required();
  app.add_option("--log-files", plan.log_bounds.files, "so many files are kept of it")->required();
  app.add_option("--exit-file", exit_file, "file for its exit code")->required();
  app.add_option("--pid-file", pid_file, "file for the pid of its first process")->required();
  app.set_version_flag("--version", DROVER_VERSION);
  CLI11_PARSE(app, argc, argv);
  plan.lxc_path = lxc_path;
  plan.log = log;
  plan.exit_file = exit_file;
  plan.pid_file = pid_file;
  umask(0077);
  std::array<int, 2> answer{};
  if (pipe2(answer.data(), O_CLOEXEC) != 0) {
    std::perror("pipe");
    return 1;
  }
  const pid_t child = fork();
  if (child < 0) {
    std::perror("fork");
    return 1;
  }
  if (child == 0) {
    ::close(answer[0]);
    be_monitor(plan, answer[1]);
  }
  ::close(answer[1]);
  waitpid(child, nullptr, 0);
  return wait_for_answer(answer[0]);
}
