#include "runtimes/lxc/system_init.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <csignal>
#include <filesystem>
#include <system_error>

namespace drover::runtimes {

InitSystem init_system_of(const system::Path& root, const std::vector<std::string>& args) {
  if (args.size() != 1 || !args.front().starts_with('/')) {
    return InitSystem::none;
  }
  const system::Path asked = args.front();
  const Result<system::UniqueFd> program = system::open_in_root(root, asked, O_PATH | O_CLOEXEC);
  if (!program) {
    return InitSystem::none;
  }
  std::error_code error;
  const std::string found =
      std::filesystem::read_symlink(fmt::format("/proc/self/fd/{}", program->get()), error)
          .filename();
  if (found == "systemd") {
    return InitSystem::systemd;
  }
  const bool is_init = asked.filename() == "init" && (found == "init" || found == "busybox");
  return is_init ? InitSystem::other : InitSystem::none;
}

int usual_stop_signal(InitSystem init) {
  constexpr int kHalt = 3;
  switch (init) {
    case InitSystem::none:
      break;
    case InitSystem::systemd:
      return SIGRTMIN + kHalt;
    case InitSystem::other:
      return SIGPWR;
  }
  return SIGTERM;
}

}  // namespace drover::runtimes
