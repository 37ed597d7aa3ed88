// ImageFlights: images that are being fetched, each once for all who want it.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <semaphore>
#include <string>
#include <string_view>
#include <vector>

#include "agent/system/stop.h"
#include "runtimes/images/image.h"

namespace drover::runtimes {

/// Thread-safe. Must outlive whoever waits in it.
class ImageFlights {
 public:
  using Line = std::function<void(std::string_view)>;
  using Fetch = std::function<Result<Image>(const system::Stop& stop, const Line& line)>;
  using Lines = std::vector<std::string>;

  /// What came of `fetch`, which is done on a thread of its own, once for all who ask for this key
  /// before it has ended: their `fetch` is not called. It is stopped when the last of them has gone
  /// by its `stop`, and then this one comes back once it has ended. While it waits, `look` is
  /// called each `every`, later more seldom, with all lines that the fetch has given so far.
  Result<Image> join(const std::string& key, const Fetch& fetch, const system::Stop& stop,
                     std::chrono::milliseconds every,
                     const std::function<void(const Lines&)>& look);

 private:
  struct Flight;
  void fly(Flight& flight, const Fetch& fetch);
  /// Whoever is the last ends it.
  void leave(const std::string& key, const std::shared_ptr<Flight>& flight, bool ended);

  /// So many are fetched at once; the others wait, and none of them has a worker.
  static constexpr std::ptrdiff_t kAtOnce = 4;
  std::counting_semaphore<kAtOnce> places_{kAtOnce};
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Flight>> flights_;  // guarded by mutex_
};

}  // namespace drover::runtimes
