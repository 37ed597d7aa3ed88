// ExitWatch: tells when a container's monitor has written how it ended.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "agent/system/file.h"
#include "agent/system/loop.h"
#include "agent/system/unique_fd.h"

namespace drover::daemon {

/// Belongs to the loop's thread.
class ExitWatch {
 public:
  /// `ended` gets the name of each file that comes into `folder`, which must exist; "" when there
  /// were too many to name.
  static Result<std::unique_ptr<ExitWatch>> start(system::Loop& loop, const system::Path& folder,
                                                  std::function<void(const std::string&)> ended);
  ~ExitWatch();
  ExitWatch(const ExitWatch&) = delete;
  ExitWatch& operator=(const ExitWatch&) = delete;

 private:
  ExitWatch(system::Loop& loop, system::UniqueFd inotify,
            std::function<void(const std::string&)> ended);
  void changed();

  system::Loop& loop_;
  system::UniqueFd inotify_;
  std::function<void(const std::string&)> ended_;
};

}  // namespace drover::daemon
