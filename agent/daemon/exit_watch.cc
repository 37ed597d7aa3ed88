#include "agent/daemon/exit_watch.h"

#include <sys/epoll.h>
#include <sys/inotify.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "agent/system/inotify.h"

namespace drover::daemon {

Result<std::unique_ptr<ExitWatch>> ExitWatch::start(system::Loop& loop, const system::Path& folder,
                                                    std::function<void(const std::string&)> ended) {
  system::UniqueFd inotify(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  // Monitors write beside and rename, or write in place and close.
  if (!inotify.valid() ||
      inotify_add_watch(inotify.get(), folder.c_str(), IN_MOVED_TO | IN_CLOSE_WRITE) < 0) {
    return fail(Code::broken, "watch {}: {}", folder.native(), std::strerror(errno));
  }
  return std::unique_ptr<ExitWatch>(new ExitWatch(loop, std::move(inotify), std::move(ended)));
}

ExitWatch::ExitWatch(system::Loop& loop, system::UniqueFd inotify,
                     std::function<void(const std::string&)> ended)
    : loop_(loop), inotify_(std::move(inotify)), ended_(std::move(ended)) {
  loop_.watch(inotify_.get(), EPOLLIN, [this](std::uint32_t) { changed(); });
}

ExitWatch::~ExitWatch() {
  loop_.unwatch(inotify_.get());
}

void ExitWatch::changed() {
  system::take_changes(inotify_, [this](const system::FileChange& change) {
    if ((change.mask & IN_Q_OVERFLOW) != 0) {
      ended_("");
    } else if (!change.name.empty()) {
      ended_(std::string(change.name));
    }
  });
}

}  // namespace drover::daemon
