#include "runtimes/images/image_flights.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <optional>
#include <thread>

namespace drover::runtimes {
namespace {

/// Of a fetch that takes long it is told more seldom: after an hour each minute.
constexpr int kLater = 50;

}  // namespace

struct ImageFlights::Flight {
  system::Stop stop;
  system::UniqueFd ended{eventfd(0, EFD_CLOEXEC)};  // readable once there is a result
  std::size_t waiting = 0;                          // guarded by ImageFlights::mutex_
  std::mutex mutex;
  Lines lines;                          // guarded by mutex
  std::optional<Result<Image>> result;  // guarded by mutex
  std::thread thread;

  Lines lines_now() {
    const std::lock_guard lock(mutex);
    return lines;
  }
};

void ImageFlights::fly(Flight& flight, const Fetch& fetch) {
  constexpr std::chrono::milliseconds kLookAgain{100};
  constexpr std::size_t kMostLines = 1000;
  bool has_place = false;
  while (!has_place && !flight.stop.requested()) {
    has_place = places_.try_acquire_for(kLookAgain);
  }
  Result<Image> result = fail(Code::cancelled, "wait for others that are fetched");
  if (has_place) {
    result = fetch(flight.stop, [&flight](std::string_view line) {
      const std::lock_guard lock(flight.mutex);
      if (flight.lines.size() < kMostLines) {
        flight.lines.emplace_back(line);
      }
    });
    places_.release();
  }
  {
    const std::lock_guard lock(flight.mutex);
    flight.result.emplace(std::move(result));
  }
  constexpr std::uint64_t kOne = 1;
  [[maybe_unused]] const ssize_t written = write(flight.ended.get(), &kOne, sizeof kOne);
}

void ImageFlights::leave(const std::string& key, const std::shared_ptr<Flight>& flight,
                         bool ended) {
  bool last = false;
  {
    const std::lock_guard lock(mutex_);
    last = --flight->waiting == 0;
    const auto found = flights_.find(key);
    // Whoever comes from now on has it fetched anew.
    if ((last || ended) && found != flights_.end() && found->second == flight) {
      flights_.erase(found);
    }
  }
  if (last) {
    flight->stop.request();
    flight->thread.join();
  }
}

Result<Image> ImageFlights::join(const std::string& key, const Fetch& fetch,
                                 const system::Stop& stop, std::chrono::milliseconds every,
                                 const std::function<void(const Lines&)>& look) {
  TRY(stop.check("fetch image " + key));
  std::shared_ptr<Flight> flight;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = flights_.find(key); found != flights_.end()) {
      flight = found->second;
    } else {
      flight = std::make_shared<Flight>();
      // Before others can find it: where none can be made, they would wait for what nobody does.
      flight->thread = std::thread([this, &begun = *flight, fetch] { fly(begun, fetch); });
      flights_.emplace(key, flight);
    }
    ++flight->waiting;
  }
  std::array<pollfd, 2> waiting{{{flight->ended.get(), POLLIN, 0}, {stop.fd(), POLLIN, 0}}};
  const auto began = std::chrono::steady_clock::now();
  do {
    const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - began);
    const auto pause = every + passed / kLater;
    if (poll(waiting.data(), waiting.size(), static_cast<int>(pause.count())) == 0) {
      look(flight->lines_now());
    }
  } while (waiting[0].revents == 0 && waiting[1].revents == 0);
  const bool ended = waiting[0].revents != 0;
  Result<Image> result = fail(Code::cancelled, "fetch image {}: it is not wanted any more", key);
  if (ended) {
    const std::lock_guard lock(flight->mutex);
    result = *flight->result;
  }
  leave(key, flight, ended);
  return result;
}

}  // namespace drover::runtimes
