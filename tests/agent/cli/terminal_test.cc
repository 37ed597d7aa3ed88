// Programs that are given our input, and terminals: the real `drover` on a pseudo-terminal.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>

#include "drover_program.h"

namespace drover::cli {
namespace {

using testing::HasSubstr;

constexpr std::chrono::seconds kLong{60};

/// A terminal with a program on it, and a person before it.
class Terminal {
 public:
  explicit Terminal(const std::vector<std::string>& argv) {
    std::array<int, 2> pipe{};
    EXPECT_EQ(pipe2(pipe.data(), O_CLOEXEC), 0);
    std::vector<char*> words;
    for (const std::string& word : argv) {
      words.push_back(const_cast<char*>(word.c_str()));
    }
    words.push_back(nullptr);
    winsize size{};
    size.ws_col = 80;
    size.ws_row = 24;
    int keyboard = -1;
    shell_ = forkpty(&keyboard, nullptr, nullptr, &size);
    if (shell_ == 0) {
      be_shell(words.data(), pipe[1]);
    }
    keyboard_.reset(keyboard);
    fcntl(keyboard, F_SETFD, FD_CLOEXEC);
    reports_.reset(pipe[0]);
    close(pipe[1]);
    line_.reset(open(ptsname(keyboard), O_RDWR | O_NOCTTY | O_CLOEXEC));
    before_ = modes();
    program_ = report();
  }
  ~Terminal() {
    kill(shell_, SIGKILL);
    waitpid(shell_, nullptr, 0);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  void type(std::string_view keys) {
    EXPECT_EQ(write(keyboard_.get(), keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
  }
  void resize(unsigned short columns, unsigned short rows) {
    winsize size{};
    size.ws_col = columns;
    size.ws_row = rows;
    EXPECT_EQ(ioctl(keyboard_.get(), TIOCSWINSZ, &size), 0);
  }
  void signal(int number) const { kill(program_, number); }
  bool is_raw() const { return (modes().c_lflag & (ECHO | ICANON | ISIG)) == 0; }
  bool is_as_before() const {
    const termios now = modes();
    return now.c_lflag == before_.c_lflag && now.c_iflag == before_.c_iflag &&
           now.c_oflag == before_.c_oflag;
  }
  /// Reads on until the screen has it.
  void await(const std::string& text) {
    const auto limit = std::chrono::steady_clock::now() + kLong;
    while (screen_.find(text) == std::string::npos && std::chrono::steady_clock::now() < limit) {
      read_on();
    }
    ASSERT_THAT(screen_, HasSubstr(text));
  }
  system::Ending ending() {
    const int status = report();
    read_on();
    return WIFSIGNALED(status) ? system::Ending{128 + WTERMSIG(status), WTERMSIG(status)}
                               : system::Ending{WEXITSTATUS(status), 0};
  }
  const std::string& screen() const { return screen_; }

 private:
  /// A session ends with its leader, and its terminal with it: so that is not the program itself.
  [[noreturn]] static void be_shell(char** argv, int reports) {
    const pid_t program = fork();
    if (program == 0) {
      execv(argv[0], argv);
      _exit(127);
    }
    std::signal(SIGINT, SIG_IGN);
    int status = 0;
    bool told = write(reports, &program, sizeof program) > 0;
    waitpid(program, &status, 0);
    told = told && write(reports, &status, sizeof status) > 0;
    while (told) {
      pause();
    }
    _exit(1);
  }
  int report() const {
    int number = -1;
    pollfd ready{reports_.get(), POLLIN, 0};
    EXPECT_EQ(poll(&ready, 1, 60'000), 1);
    EXPECT_EQ(read(reports_.get(), &number, sizeof number), static_cast<ssize_t>(sizeof number));
    return number;
  }
  termios modes() const {
    termios modes{};
    EXPECT_EQ(tcgetattr(line_.get(), &modes), 0);
    return modes;
  }
  void read_on() {
    pollfd ready{keyboard_.get(), POLLIN, 0};
    while (poll(&ready, 1, 20) > 0) {
      std::array<char, 4096> buffer{};
      const ssize_t size = read(keyboard_.get(), buffer.data(), buffer.size());
      if (size <= 0) {
        return;
      }
      screen_.append(buffer.data(), static_cast<std::size_t>(size));
    }
  }

  system::UniqueFd keyboard_;
  system::UniqueFd line_;
  system::UniqueFd reports_;
  termios before_{};
  pid_t shell_ = -1;
  pid_t program_ = -1;
  std::string screen_;
};

class Terminals : public DroverProgram {
 protected:
  Terminal start(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {DROVER_PROGRAM, "--bus", node_.bus().native()});
    return Terminal(arguments);
  }
  Terminal shell() {
    have_container("web-1", "sleep");
    return start({"exec", "-i", "-t", "web-1", "sh", "-c", "cat; exit 3"});
  }
  void until(const std::function<bool(State&)>& is_so) {
    const auto limit = std::chrono::steady_clock::now() + kLong;
    bool reached = false;
    while (!reached && std::chrono::steady_clock::now() < limit) {
      node_.call([&](State& state, Faults&) { reached = is_so(state); });
    }
    ASSERT_TRUE(reached);
  }
  void until_raw(const Terminal& terminal) {
    const auto limit = std::chrono::steady_clock::now() + kLong;
    while (!terminal.is_raw() && std::chrono::steady_clock::now() < limit) {
    }
    ASSERT_TRUE(terminal.is_raw());
  }
  static const fakes::FakeJob& exec_of(State& state) {
    for (const auto& [id, job] : state.jobs) {
      if (job.request.verb == Verb::container_exec) {
        return job;
      }
    }
    throw std::runtime_error("no program was run");
  }
  static std::string input_of_exec(State& state) {
    return state.inputs[exec_of(state).request.id.str()].text;
  }
  /// A container that prints what it reads.
  void have_reader(const std::string& script, bool terminal) {
    have_container("web-1", script);
    node_.call([&](State& state, Faults&) {
      json::Object* spec = state.containers.at("web-1").spec.object();
      spec->set("stdin", true);
      spec->set("terminal", terminal);
    });
  }
  system::Output drover_with_input(std::vector<std::string> arguments, const std::string& input) {
    arguments.insert(arguments.begin(), DROVER_PROGRAM);
    system::RunOptions options;
    options.child.env = {{"DROVER_BUS", node_.bus().native()}};
    options.input = input;
    options.timeout = kLong;
    return system::run(arguments, stop_, options).value_or(system::Output{});
  }
};

TEST_F(Terminals, AProgramInsideHasOursAndWeHaveItBackAtItsEnd) {
  Terminal terminal = shell();
  until_raw(terminal);
  terminal.type("hello\r");
  terminal.await("hello\r");
  terminal.type("\x03");  // Ctrl-C is a key
  until([](State& state) { return input_of_exec(state) == "hello\r\x03"; });
  node_.call([](State& state, Faults&) {
    EXPECT_EQ(exec_of(state).request.options.terminal, TerminalSize({80, 24}));
    EXPECT_TRUE(exec_of(state).request.options.input);
  });
  terminal.type("\x04");
  EXPECT_EQ(terminal.ending().code, 3);
  EXPECT_TRUE(terminal.is_as_before());
}

TEST_F(Terminals, TheDetachKeysLeaveTheProgramRunning) {
  Terminal terminal = shell();
  until_raw(terminal);
  terminal.type("a\x10");
  terminal.type("b\x10\x11 behind");
  EXPECT_EQ(terminal.ending().code, 0);
  EXPECT_TRUE(terminal.is_as_before());
  EXPECT_THAT(terminal.screen(), HasSubstr("detached"));
  node_.call([](State& state, Faults&) {
    EXPECT_EQ(exec_of(state).state, JobState::running);
    EXPECT_EQ(input_of_exec(state),
              "a\x10"
              "b");
  });
}

TEST_F(Terminals, ItsSizeFollowsOurs) {
  Terminal terminal = shell();
  until_raw(terminal);
  terminal.resize(132, 50);
  until([](State& state) {
    const auto& sizes = state.sizes[exec_of(state).request.id.str()];
    return !sizes.empty() && sizes.back() == "132x50";
  });
  terminal.type("\x04");
  EXPECT_EQ(terminal.ending().code, 3);
}

TEST_F(Terminals, ASignalThatEndsUsPutsItBackAndCancelsTheJob) {
  Terminal terminal = shell();
  until_raw(terminal);
  terminal.signal(SIGTERM);
  EXPECT_EQ(terminal.ending().code, 130);
  EXPECT_TRUE(terminal.is_as_before());
  node_.call([](State& state, Faults&) { EXPECT_EQ(exec_of(state).state, JobState::cancelled); });
}

TEST_F(Terminals, ASignalThatIsNotAwaitedPutsItBack) {
  for (const int number : {SIGQUIT, SIGPIPE}) {
    Terminal terminal = shell();
    until_raw(terminal);
    terminal.signal(number);
    EXPECT_EQ(terminal.ending().signal, number);
    EXPECT_TRUE(terminal.is_as_before());
    node_.call([](State& state, Faults&) {
      state.containers.clear();
      state.jobs.clear();
    });
  }
}

TEST_F(Terminals, AnInputThatCannotGoOnPutsItBackAndCancelsTheJob) {
  Terminal terminal = shell();
  until_raw(terminal);
  terminal.type("one");
  terminal.await("one");
  node_.call([](State&, Faults& faults) {
    faults.break_input_at = 4;
    faults.doubt_input = true;
  });
  terminal.type("two");
  EXPECT_EQ(terminal.ending().code, 125);
  EXPECT_TRUE(terminal.is_as_before());
  EXPECT_THAT(terminal.screen(), HasSubstr("what it has read is not known"));
}

TEST_F(Terminals, WhatIsPipedIsReadToItsEnd) {
  have_container("web-1", "sleep");
  std::string text;
  for (int number = 0; number < 3000; ++number) {
    text += std::to_string(number) + "\n";
  }
  node_.call([](State&, Faults& faults) {
    faults.window = 10'000;
    faults.chunk = 100'000;
  });
  const system::Output output =
      drover_with_input({"exec", "-i", "web-1", "sh", "-c", "cat; exit 5"}, text);
  EXPECT_EQ(output.ending.code, 5) << output.err;
  EXPECT_EQ(output.out, text);
}

TEST_F(Terminals, AttachPrintsFromNowOnAndGivesTheContainerItsInput) {
  have_reader("echo before; cat; exit 4", false);
  const system::Output output = drover_with_input({"attach", "web-1"}, "more\nno newline");
  EXPECT_EQ(output.ending.code, 4) << output.err;
  EXPECT_EQ(output.out, "more\nno newline");
}

TEST_F(Terminals, AttachHasTheContainersTerminalUntilTheDetachKeys) {
  have_reader("cat", true);
  Terminal terminal = start({"attach", "--detach-keys", "ctrl-x", "web-1"});
  until_raw(terminal);
  terminal.type("hi\r");
  terminal.await("hi\r");
  terminal.type("\x18");
  EXPECT_EQ(terminal.ending().code, 0);
  EXPECT_TRUE(terminal.is_as_before());
  node_.call([](State& state, Faults&) {
    EXPECT_EQ(state.containers.at("web-1").status, Status::running);
    EXPECT_EQ(state.sizes["web-1"].front(), "80x24");
  });
}

TEST_F(Terminals, CtrlCOfAttachIsTheContainers) {
  have_container("web-1", "sleep");
  Terminal terminal = start({"attach", "web-1"});
  terminal.await("reads no input");
  while (node_.count("stream.open") == 0) {
  }
  terminal.type("\x03");
  EXPECT_EQ(terminal.ending().code, 128 + SIGINT);
}

TEST_F(Terminals, AttachLeavesItRunningWhereThatIsWanted) {
  have_container("web-1", "sleep");
  Terminal terminal = start({"attach", "--no-signals", "web-1"});
  while (node_.count("stream.open") == 0) {
  }
  terminal.type("\x03");
  EXPECT_EQ(terminal.ending().code, 130);
  node_.call([](State& state, Faults&) {
    EXPECT_EQ(state.containers.at("web-1").status, Status::running);
  });
}

TEST_F(Terminals, WhatIsRunReadsWhatIsPiped) {
  const system::Output output = drover_with_input(
      {"run", "-q", "-i", "--rm", "--name", "web-1", "--", "sh", "-c", "echo begun; cat; exit 6"},
      "one\ntwo");
  EXPECT_EQ(output.ending.code, 6) << output.err;
  EXPECT_EQ(output.out, "begun\none\ntwo");
  node_.call([](State& state, Faults&) {
    EXPECT_TRUE(state.containers.empty());
    EXPECT_TRUE(state.jobs.begin()->second.request.spec->input);
    EXPECT_FALSE(state.jobs.begin()->second.request.spec->terminal);
  });
}

TEST_F(Terminals, WhatIsRunHasOursUntilTheDetachKeys) {
  Terminal terminal =
      start({"run", "-q", "-it", "--rm", "--name", "web-1", "--", "sh", "-c", "cat"});
  until_raw(terminal);
  terminal.type("hi\r");
  terminal.await("hi\r");
  terminal.type("\x10\x11");
  EXPECT_EQ(terminal.ending().code, 0);
  EXPECT_TRUE(terminal.is_as_before());
  node_.call([](State& state, Faults&) {
    EXPECT_EQ(state.containers.at("web-1").status, Status::running);
    EXPECT_TRUE(state.containers.at("web-1").spec.at("terminal").boolean_or(false));
    EXPECT_EQ(state.sizes["web-1"].front(), "80x24");
  });
}

TEST_F(Terminals, CtrlCStopsWhatIsRunWithoutATerminal) {
  Terminal terminal = start({"run", "-q", "-i", "--name", "web-1", "--", "sh", "-c", "cat"});
  until([](State& state) { return state.containers.contains("web-1"); });
  while (node_.count("input.open") == 0) {
  }
  terminal.type("\x03");
  EXPECT_EQ(terminal.ending().code, 143);
}

TEST_F(Terminals, WhatDoesNotRunIsNotAttachedTo) {
  have_container("web-1", "exit 0");
  const system::Output output = drover({"attach", "web-1"});
  EXPECT_EQ(output.ending.code, 125);
  EXPECT_THAT(output.err, HasSubstr("it is stopped"));
  EXPECT_EQ(drover({"attach", "nobody"}).ending.code, 125);
}

}  // namespace
}  // namespace drover::cli
