#include "runtimes/sessions/streams.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "agent/system/pipe.h"
#include "agent/system/window_size.h"

namespace drover::exec {
namespace {

using system::UniqueFd;

UniqueFd copy_of(const UniqueFd& fd) {
  return UniqueFd(fcntl(fd.get(), F_DUPFD_CLOEXEC, 3));
}

/// What makes terminals (pts(4)); of a container only if it is that, whatever else lies there.
UniqueFd open_maker(const system::Path& root) {
  constexpr unsigned kMajor = 5;
  constexpr unsigned kMinor = 2;
  const Result<UniqueFd> there =
      system::open_in_root(root, "dev/pts/ptmx", O_PATH | O_NOFOLLOW | O_CLOEXEC);
  struct stat facts {};
  if (there && fstat(there->get(), &facts) == 0 && S_ISCHR(facts.st_mode) &&
      facts.st_rdev == makedev(kMajor, kMinor)) {
    const std::string name = fmt::format("/proc/self/fd/{}", there->get());
    UniqueFd made(open(name.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (made.valid()) {
      return made;
    }
  }
  return UniqueFd(open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC));
}

}  // namespace

Result<ProgramStreams> make_streams(BegunProgram& program, bool input,
                                    const std::optional<runtimes::StreamOwner>& owner) {
  ProgramStreams streams;
  if (input) {
    system::Pipe in = TRY(system::make_pipe());
    TRY(runtimes::give_stream(in.read.get(), owner));
    program.in = std::move(in.write);
    streams.in = std::move(in.read);
  } else {
    streams.in.reset(open("/dev/null", O_RDONLY | O_CLOEXEC));
  }
  system::Pipe out = TRY(system::make_pipe());
  system::Pipe err = TRY(system::make_pipe());
  TRY(runtimes::give_stream(out.write.get(), owner));
  TRY(runtimes::give_stream(err.write.get(), owner));
  program.out = std::move(out.read);
  program.err = std::move(err.read);
  streams.out = std::move(out.write);
  streams.err = std::move(err.write);
  return streams;
}

Result<> make_terminal(BegunProgram& program, const system::Path& root, const TerminalSize& size,
                       const std::optional<runtimes::StreamOwner>& owner) {
  UniqueFd master = open_maker(root);
  const int unlocked = 0;
  if (!master.valid() || ioctl(master.get(), TIOCSPTLCK, &unlocked) != 0) {
    return fail(Code::unavailable, "make a terminal: {}", std::strerror(errno));
  }
  TRY(take_terminal(program, std::move(master), size));
  return runtimes::give_stream(program.slave.get(), owner);
}

Result<> take_terminal(BegunProgram& program, UniqueFd master, const TerminalSize& size) {
  system::set_window_size(master.get(), size);
  program.slave.reset(ioctl(master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  program.in = copy_of(master);
  program.out = copy_of(master);
  program.terminal = std::move(master);
  if (!program.slave.valid() || !program.in.valid() || !program.out.valid()) {
    return fail(Code::unavailable, "open the program's terminal: {}", std::strerror(errno));
  }
  return {};
}

}  // namespace drover::exec
