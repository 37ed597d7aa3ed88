#include "agent/system/spare_disk.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <thread>

namespace drover::system {
namespace {

constexpr std::uint64_t kShare = 16;
constexpr std::uint64_t kMostSpareBytes = std::uint64_t{1} << 30U;
constexpr std::uint64_t kMostSpareFiles = 65'536;
/// The fastest disk writes less than what is to be left of it in the meantime.
constexpr int kLookEveryMs = 50;

std::uint64_t spare_bytes(const DiskSpace& space) {
  return std::min(space.total / kShare, kMostSpareBytes);
}

std::uint64_t spare_files(const DiskSpace& space) {
  return std::min(space.most_files / kShare, kMostSpareFiles);
}

Failure lacks_room(const Path& folder, const DiskSpace& before) {
  constexpr unsigned kMib = 20U;
  const auto files = [&](std::uint64_t count) {
    return before.files ? fmt::format(" and {} files", count) : "";
  };
  return fail(Code::unavailable,
              "the disk of {} had {} MiB{} left, and no room for it: {} MiB{} are kept for others; "
              "make room, as by removing images (drover image prune)",
              folder.native(), before.free >> kMib, files(before.files.value_or(0)),
              spare_bytes(before) >> kMib, files(spare_files(before)));
}

/// A small disk may be full before anybody has looked, and empty again when its writer has failed.
bool ran_out(const Error& error) {
  return error.message.find("o space left on device") != std::string::npos;
}

/// Looks until it is told that the writing is over.
class Watch {
 public:
  Watch(const Path& folder, const Stop& stop)
      : folder_(folder), stop_(stop), thread_([this] { look(); }) {}
  ~Watch() {
    over_.request();
    thread_.join();
  }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  const Stop& cut_off() const { return cut_off_; }
  bool is_full() const { return is_full_; }

 private:
  void look() {
    std::array<pollfd, 2> waiting{{{over_.fd(), POLLIN, 0}, {stop_.fd(), POLLIN, 0}}};
    for (;;) {
      poll(waiting.data(), waiting.size(), kLookEveryMs);
      if (waiting[0].revents != 0) {
        return;
      }
      if (waiting[1].revents != 0) {
        cut_off_.request(stop_.still_wanted() ? Stop::Why::process_ends : Stop::Why::unwanted);
        return;
      }
      const Result<DiskSpace> space = disk_space(folder_);
      if (space && !has_spare_room(*space)) {
        is_full_ = true;
        cut_off_.request();
        return;
      }
    }
  }

  const Path& folder_;
  const Stop& stop_;
  Stop cut_off_;
  Stop over_;
  std::atomic<bool> is_full_ = false;
  std::thread thread_;  // the last one: it begins with all others there
};

}  // namespace

bool has_spare_room(const DiskSpace& space) {
  const bool has_bytes = space.total == 0 || space.free >= spare_bytes(space);
  return has_bytes && (!space.files || *space.files >= spare_files(space));
}

Result<> write_to_spare_disk(const Path& folder, const Stop& stop,
                             const std::function<Result<>(const Stop&)>& write) {
  const DiskSpace before = TRY(disk_space(folder));
  if (!has_spare_room(before)) {
    return lacks_room(folder, before);
  }
  const Watch watch(folder, stop);
  Result<> written = write(watch.cut_off());
  const bool lacked_room = !written && (watch.is_full() || ran_out(written.error()));
  return lacked_room ? Result<>(lacks_room(folder, before)) : written;
}

}  // namespace drover::system
