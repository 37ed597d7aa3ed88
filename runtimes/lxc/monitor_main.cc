// drover-lxc: starts one LXC container and stays with it until it has ended.
//
// Called by droverd. It returns when the container's program runs (0) or cannot be run (1, with why
// on standard error), and leaves behind the monitor: nobody's child, in a session of its own.
// Called by liblxc with "--prepare FOLDER" it is that start's hook (prepare_root.h), with "--ended
// FOLDER" the one of the end (lack_of_memory_note).
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <string>
#include <string_view>

#include "agent/system/detached.h"
#include "runtimes/lxc/lxc_config.h"
#include "runtimes/lxc/monitor.h"
#include "runtimes/lxc/prepare_root.h"
#include "runtimes/oci/cgroup.h"
#include "runtimes/sessions/session_socket.h"

namespace {

using namespace drover;

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
  std::string hook_folder;
  std::string log;
  std::string exit_file;
  std::string pid_file;
  app.add_option("--lxc-path", lxc_path, "folder of LXC's containers")->required();
  app.add_option("--name", plan.name, "the container")->required();
  app.add_option("--hook-folder", hook_folder, "folder of the bundle for the hook of its start")
      ->required();
  app.add_option("--log", log, "file for what it prints")->required();
  app.add_option("--log-file-bytes", plan.log_bounds.file_bytes,
                 "a file of it that has more is full")
      ->required();
  app.add_option("--log-files", plan.log_bounds.files, "so many files are kept of it")->required();
  app.add_flag("--journal", plan.journal, "send it to the node's journal as well");
  app.add_option("--exit-file", exit_file, "file for its exit code")->required();
  app.add_option("--pid-file", pid_file, "file for the pid of its first process")->required();
  app.add_flag("--input", plan.input, "its program gets input by the socket that is descriptor 3");
  app.add_flag("--terminal", plan.terminal,
               "its program has a terminal, whose size comes by that socket");
  app.set_version_flag("--version", DROVER_VERSION);
  CLI11_PARSE(app, argc, argv);
  plan.lxc_path = lxc_path;
  plan.hook_folder = hook_folder;
  plan.log = log;
  plan.exit_file = exit_file;
  plan.pid_file = pid_file;
  if (plan.input || plan.terminal) {
    plan.listener = runtimes::kSessionListener;
    fcntl(plan.listener, F_SETFD, FD_CLOEXEC);
  }
  umask(0077);
  // Where it is run by a SealedProgram the kernel would call it by a number.
  prctl(PR_SET_NAME, "drover-lxc");
  return system::run_detached(
      [&plan](const system::Started& started) { lxc::run_monitor(plan, started); },
      {plan.listener});
}
