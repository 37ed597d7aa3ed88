#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "agent/system/child.h"
#include "runtimes/oci/command_line.h"
#include "runtimes/oci/pid_file.h"
#include "runtimes/oci/wait_for.h"
#include "runtimes/sessions/begun_program.h"
#include "runtimes/sessions/streams.h"

namespace drover::exec {
namespace {

using system::UniqueFd;

/// A runtime enters a container within a second; a node that swaps gets its time.
constexpr std::chrono::seconds kBeginTime{50};

/// Where the runtime sends the master of the terminal that it has made inside, as the OCI runtimes
/// do it (docs/terminals.md of runc).
class ConsoleSocket {
 public:
  static Result<ConsoleSocket> make(const system::Path& folder) {
    ConsoleSocket made;
    made.folder_.reset(open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    made.listener_.reset(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    made.path().copy(static_cast<char*>(address.sun_path), sizeof address.sun_path - 1);
    unlinkat(made.folder_.get(), "console", 0);
    if (!made.folder_.valid() || !made.listener_.valid() ||
        bind(made.listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) !=
            0 ||
        listen(made.listener_.get(), 1) != 0) {
      return fail(Code::broken, "make the socket for the terminal: {}", std::strerror(errno));
    }
    return made;
  }

  /// Short enough for an address, whatever the folder's name is, and for the runtime, too.
  std::string path() const {
    return fmt::format("/proc/{}/fd/{}/console", getpid(), folder_.get());
  }

  Result<UniqueFd> receive() const {
    const UniqueFd connection(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    std::array<char, 4096> name{};
    iovec part{name.data(), name.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t got = recvmsg(connection.get(), &message, MSG_CMSG_CLOEXEC);
    const cmsghdr* const told = got < 0 ? nullptr : CMSG_FIRSTHDR(&message);
    if (told == nullptr || told->cmsg_level != SOL_SOCKET || told->cmsg_type != SCM_RIGHTS) {
      return fail(Code::broken, "the runtime has sent no terminal");
    }
    int master = -1;
    std::memcpy(&master, CMSG_DATA(told), sizeof master);
    return UniqueFd(master);
  }

  int fd() const { return listener_.get(); }
  void remove() const { unlinkat(folder_.get(), "console", 0); }

 private:
  UniqueFd folder_;
  UniqueFd listener_;
};

/// The runtime has ended, with the program begun or not.
Result<> check_ending(const system::Ending& ending, const runtimes::SessionFiles& files) {
  if (ending.code == 0) {
    return {};
  }
  const Result<std::string> log = system::read_file(files.runtime_log());
  const std::string why = log ? runtimes::last_error_record(*log) : "";
  return fail(Code::broken, "{}",
              why.empty() ? fmt::format("the runtime ended with {}", ending.code) : why);
}

Result<> take_console(const ConsoleSocket& console, BegunProgram& program, const TerminalSize& size,
                      const std::optional<runtimes::StreamOwner>& owner) {
  UniqueFd master = TRY(console.receive());
  TRY(take_terminal(program, std::move(master), size));
  return runtimes::give_stream(program.slave.get(), owner);
}

Result<> run_with_terminal(const runtimes::OciStart& start, BegunProgram& program,
                           const runtimes::SessionFiles& files, const TerminalSize& size) {
  const ConsoleSocket console = TRY(ConsoleSocket::make(files.folder));
  const std::string path = console.path();
  std::vector<std::string> argv = start.argv;
  argv.insert(argv.end() - 1, {"--console-socket", path});
  const system::Stop never;
  system::Child child = TRY(system::Child::start(argv));
  // Before it has ended; one that fails sends none.
  const auto deadline = std::chrono::steady_clock::now() + kBeginTime;
  std::array<pollfd, 2> waiting{{{console.fd(), POLLIN, 0}, {child.pidfd(), POLLIN, 0}}};
  poll(waiting.data(), waiting.size(),
       static_cast<int>(std::chrono::milliseconds(kBeginTime).count()));
  Result<> taken = fail(Code::broken, "the runtime has sent no terminal");
  if (waiting[0].revents != 0) {
    // At once: crun leaves it root's also for another user, whose program begins by now.
    taken = take_console(console, program, size, start.owner);
  }
  console.remove();
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      deadline - std::chrono::steady_clock::now());
  TRY(check_ending(TRY(child.wait(never, std::max(left, std::chrono::milliseconds(0)))), files));
  return taken;
}

Result<> run_with_streams(const runtimes::OciStart& start, BegunProgram& program,
                          const runtimes::SessionFiles& files, bool input) {
  const ProgramStreams streams = TRY(make_streams(program, input, start.owner));
  system::ChildOptions options;
  options.descriptors = {{streams.in.get(), 0}, {streams.out.get(), 1}, {streams.err.get(), 2}};
  const system::Stop never;
  system::Child child = TRY(system::Child::start(start.argv, options));
  return check_ending(TRY(child.wait(never, kBeginTime)), files);
}

}  // namespace

Result<BegunProgram> begin_by_oci(const runtimes::SessionPlan& plan,
                                  const runtimes::SessionFiles& files) {
  const auto& start = std::get<runtimes::OciStart>(plan.start);
  if (start.argv.empty()) {
    return fail(Code::broken, "no runtime named");
  }
  BegunProgram program;
  if (plan.terminal) {
    TRY(run_with_terminal(start, program, files, *plan.terminal));
  } else {
    TRY(run_with_streams(start, program, files, plan.input));
  }
  program.pid = runtimes::pid_in(files.runtime_pid());
  if (program.pid == 0) {
    return fail(Code::broken, "the runtime did not say which process it is");
  }
  return program;
}

}  // namespace drover::exec
