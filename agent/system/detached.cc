#include "agent/system/detached.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <exception>
#include <string>
#include <utility>

#include "agent/system/file.h"
#include "agent/system/pipe.h"

namespace drover::system {
namespace {

/// Its answer to whoever waits for it: "+" for success, else "-" and why.
[[noreturn]] void be_detached(const std::function<void(const Started&)>& monitor, int answer) {
  setsid();
  if (fork() != 0) {
    _exit(0);
  }
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    dup2(null, fd);
  }
  bool answered = false;
  const Started started = [&](const Result<>& result) {
    if (std::exchange(answered, true)) {
      return;
    }
    const std::string text = result ? "+" : "-" + result.error().message;
    [[maybe_unused]] const Result<> written = write_all(answer, text);
    ::close(answer);
  };
  try {
    monitor(started);
  } catch (const std::exception& error) {
    started(fail(Code::broken, "{}", error.what()));
  }
  _exit(0);
}

int wait_for_answer(int answer) {
  const std::string text = read_to_end(answer);
  if (text.starts_with('+')) {
    return 0;
  }
  std::fprintf(stderr, "%s\n", text.empty() ? "the monitor ended at once" : text.c_str() + 1);
  return 1;
}

}  // namespace

int run_detached(const std::function<void(const Started& started)>& monitor,
                 std::initializer_list<int> its_own) {
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
    be_detached(monitor, answer[1]);
  }
  ::close(answer[1]);
  for (const int fd : its_own) {
    ::close(fd);
  }
  waitpid(child, nullptr, 0);
  return wait_for_answer(answer[0]);
}

}  // namespace drover::system
