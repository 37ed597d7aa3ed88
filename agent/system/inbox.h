// Inbox: hands values from any thread to the loop's thread.
#pragma once

#include <sys/eventfd.h>

#include <cerrno>
#include <deque>
#include <mutex>
#include <system_error>
#include <utility>

#include "agent/system/unique_fd.h"

namespace drover::system {

/// `fd()` is readable while something is inside. Posting never blocks on the reader.
template <class T>
class Inbox {
 public:
  Inbox() : event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!event_.valid()) {
      throw std::system_error(errno, std::generic_category(), "eventfd");
    }
  }

  void post(T value) {
    {
      const std::lock_guard lock(mutex_);
      values_.push_back(std::move(value));
    }
    eventfd_write(event_.get(), 1);
  }

  /// Everything inside, oldest first.
  std::deque<T> take() {
    eventfd_t count = 0;
    eventfd_read(event_.get(), &count);
    const std::lock_guard lock(mutex_);
    return std::exchange(values_, {});
  }

  int fd() const { return event_.get(); }

 private:
  UniqueFd event_;
  std::mutex mutex_;
  std::deque<T> values_;  // guarded by mutex_
};

}  // namespace drover::system
