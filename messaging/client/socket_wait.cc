#include "messaging/client/socket_wait.h"

#include <algorithm>
#include <array>
#include <cerrno>

namespace drover::messaging {
namespace {

constexpr std::size_t kMostItems = 5;

bool has_come(const zmq::pollitem_t& item) {
  return item.revents != 0;
}

}  // namespace

Result<bool> wait_for(std::span<zmq::pollitem_t> items, system::Instant until,
                      const system::Stop& stop) {
  std::array<zmq::pollitem_t, kMostItems + 1> all{};
  if (items.size() > kMostItems) {
    return fail(Code::broken, "wait for {} sockets: at most {}", items.size(), kMostItems);
  }
  std::copy(items.begin(), items.end(), all.begin());
  zmq::pollitem_t& stopping = all[items.size()];
  stopping = zmq::pollitem_t{nullptr, stop.fd(), ZMQ_POLLIN, 0};
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    constexpr std::chrono::milliseconds kLongest{60'000};
    const auto timeout = std::clamp(left, std::chrono::milliseconds(0), kLongest);
    try {
      zmq::poll(all.data(), items.size() + 1, timeout);
    } catch (const zmq::error_t& error) {
      if (error.num() == EINTR) {
        continue;
      }
      return fail(Code::broken, "wait for sockets: {}", error.what());
    }
    if (has_come(stopping)) {
      return fail(Code::cancelled, "waiting for the node: stopped by request");
    }
    std::copy_n(all.begin(), items.size(), items.begin());
    if (std::any_of(items.begin(), items.end(), has_come)) {
      return true;
    }
    if (left.count() <= 0) {
      return false;
    }
  }
}

}  // namespace drover::messaging
