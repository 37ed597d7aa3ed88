#include "tests/pve-sim/storage_lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <thread>

#include "agent/system/clock.h"

namespace drover::pve_sim {
namespace {

constexpr std::chrono::seconds kPatience{10};
constexpr std::chrono::milliseconds kPause{20};

}  // namespace

Result<StorageLock> StorageLock::take(const Place& place, const system::Stop& stop) {
  const path file = place.directory / "storage.lock";
  system::UniqueFd lock(open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  system::SystemClock clock;
  const system::Instant until = clock.now() + kPatience;
  while (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (clock.now() >= until) {
      return fail(Code::unavailable,
                  "can't lock file '/var/lock/pve-manager/pve-storage-local' - got timeout");
    }
    TRY(clock.sleep_for(kPause, stop));
  }
  return StorageLock(std::move(lock), place.allocation);
}

StorageLock::~StorageLock() {
  if (file_.valid()) {
    std::this_thread::sleep_for(time_);
  }
}

}  // namespace drover::pve_sim
