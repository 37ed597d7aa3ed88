#include "agent/system/user_namespace.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>

#include "agent/system/pipe.h"

namespace drover::system {
namespace {

/// A process that does nothing but be in namespaces, because a program with threads cannot make or
/// enter one of users itself. It ends with this, or with the thread that started it.
class Resident {
 public:
  /// In `joined`, unless it is nullptr, with new ones of the kinds `made` (unshare(2)).
  static Result<Resident> start(const UniqueFd* joined, int made) {
    auto [heard, told] = TRY(make_pipe());
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid < 0) {
      return fail(Code::unavailable, "fork: {}", std::strerror(errno));
    }
    if (pid == 0) {
      reside(joined == nullptr ? -1 : joined->get(), made, told.get(), parent);
    }
    told.reset();
    Resident resident(pid);
    int error = 0;
    const ssize_t size = ::read(heard.get(), &error, sizeof error);
    if (size != sizeof error) {
      return fail(Code::broken, "make a namespace: the process in it has ended");
    }
    if (error != 0) {
      return fail(error == ENOSPC || error == EUSERS ? Code::unavailable : Code::broken,
                  "make a namespace: {}",
                  error == ENOSPC || error == EUSERS
                      ? "the kernel makes no more of them; raise user.max_user_namespaces "
                        "(sysctl)"
                      : std::strerror(error));
    }
    return resident;
  }

  Resident(Resident&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
  Resident& operator=(Resident&&) = delete;
  Resident(const Resident&) = delete;
  Resident& operator=(const Resident&) = delete;
  ~Resident() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
      }
    }
  }

  pid_t pid() const { return pid_; }

 private:
  explicit Resident(pid_t pid) : pid_(pid) {}

  /// Async-signal-safe calls only.
  [[noreturn]] static void reside(int joined, int made, int told, pid_t parent) {
    int error = 0;
    if ((joined >= 0 && setns(joined, CLONE_NEWUSER) != 0) || unshare(made) != 0) {
      error = errno;
    }
    // After that, because new credentials take it away.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || ::write(told, &error, sizeof error) != sizeof error) {
      _exit(1);
    }
    for (;;) {
      pause();
    }
  }

  pid_t pid_;
};

Result<> write_map(pid_t pid, const char* file, const IdMap& map) {
  const Path path = fmt::format("/proc/{}/{}", pid, file);
  const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd.valid()) {
    return fail(Code::broken, "open {}: {}", path.native(), std::strerror(errno));
  }
  // The kernel takes it in one piece.
  return write_all(fd.get(), fmt::format("{} {} {}\n", map.inside, map.outside, map.count))
      .context(fmt::format("map users {} to {}", map.outside, map.outside + map.count - 1));
}

Result<UniqueFd> open_space(const Path& path) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) {
    return fail(errno == ENOENT ? Code::not_found : Code::broken, "open namespace {}: {}",
                path.native(), std::strerror(errno));
  }
  struct statfs facts {};
  if (fstatfs(fd.get(), &facts) != 0 || facts.f_type != NSFS_MAGIC) {
    return fail(Code::not_found, "{} pins no namespace", path.native());
  }
  return fd;
}

}  // namespace

Result<UniqueFd> make_user_namespace(const IdMap& map) {
  const Resident resident = TRY(Resident::start(nullptr, CLONE_NEWUSER));
  TRY(write_map(resident.pid(), "uid_map", map));
  TRY(write_map(resident.pid(), "gid_map", map));
  return open_space(fmt::format("/proc/{}/ns/user", resident.pid()));
}

Result<UniqueFd> open_pinned_namespace(const Path& place) {
  return open_space(place);
}

Result<> pin_namespace(const UniqueFd& space, const Path& place) {
  if (open_space(place)) {
    return {};
  }
  const UniqueFd file(open(place.c_str(), O_CREAT | O_RDONLY | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.valid() || ::mount(fmt::format("/proc/self/fd/{}", space.get()).c_str(), place.c_str(),
                               nullptr, MS_BIND, nullptr) != 0) {
    return fail(Code::broken, "pin a namespace at {}: {}", place.native(), std::strerror(errno));
  }
  return {};
}

Result<> unpin_namespace(const Path& place) {
  while (open_space(place)) {
    if (::umount2(place.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0) {
      return fail(Code::broken, "unpin the namespace at {}: {}", place.native(),
                  std::strerror(errno));
    }
  }
  if (::unlink(place.c_str()) != 0 && errno != ENOENT) {
    return fail(Code::broken, "remove {}: {}", place.native(), std::strerror(errno));
  }
  return {};
}

Result<> with_network_namespace(const UniqueFd& users, const std::function<Result<>(pid_t)>& use) {
  const Resident resident = TRY(Resident::start(&users, CLONE_NEWNET));
  return use(resident.pid());
}

Result<bool> belongs_to(const Path& place, const UniqueFd& users) {
  const UniqueFd space = TRY(open_space(place));
  const UniqueFd owner(ioctl(space.get(), NS_GET_USERNS));
  struct stat theirs {};
  struct stat ours {};
  if (fstat(users.get(), &ours) != 0) {
    return fail(Code::broken, "look at a user namespace: {}", std::strerror(errno));
  }
  // One of users further out is not shown: it is another in any case.
  return owner.valid() && fstat(owner.get(), &theirs) == 0 && theirs.st_ino == ours.st_ino &&
         theirs.st_dev == ours.st_dev;
}

}  // namespace drover::system
