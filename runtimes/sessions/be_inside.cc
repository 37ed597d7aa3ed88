#include "runtimes/sessions/be_inside.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "runtimes/lxc/lxc_attach.h"
#include "runtimes/sessions/run_inside.h"

namespace drover::exec {
namespace {

Result<int> run_plan(const system::Path& file) {
  const std::string text = TRY(system::read_file(file));
  const json::Value value = TRY(json::parse(text));
  const runtimes::SessionPlan plan = TRY(runtimes::session_plan_from(value));
  const auto* const start = std::get_if<runtimes::LxcStart>(&plan.start);
  if (start == nullptr) {
    return fail(Code::broken, "it is not to be begun by LXC");
  }
  const pid_t pid =
      TRY(runtimes::lxc_attach(start->lxc_path, start->name, start->request, start->settings,
                               {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}));
  int status = 0;
  while (waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) {
      return 128 + SIGKILL;
    }
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

int be_inside(const system::Path& plan) {
  for (const int own : {runtimes::kInsidePlan, runtimes::kInsideAnswer}) {
    fcntl(own, F_SETFD, FD_CLOEXEC);
  }
  const Result<int> ran = run_plan(plan);
  if (!ran) {
    [[maybe_unused]] const Result<> told =
        system::write_all(runtimes::kInsideAnswer,
                          fmt::format("{}\n{}", to_string(ran.error().code), ran.error().message));
  }
  return ran.value_or(1);
}

}  // namespace drover::exec
