// Unread: what was sent to a client and has not left this process yet.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <zmq.hpp>

namespace drover::messaging {

/// ZeroMQ bounds what waits for a client by messages only, and one of ours may have a byte or a
/// quarter of a MiB. Frames made here count until libzmq lets go of them, which it does in a thread
/// of its own; all else is for one thread. Copies count together.
class Unread {
 public:
  using Count = std::shared_ptr<std::atomic<std::size_t>>;

  /// `of_all`: counts for all clients together.
  explicit Unread(Count of_all)
      : of_all_(std::move(of_all)), bytes_(std::make_shared<std::atomic<std::size_t>>(0)) {}

  /// A frame that counts, here and for all.
  zmq::message_t frame(std::string text) const;
  /// Whether there is room for more. What would be more is dropped, as libzmq does with what is
  /// beyond its own bound.
  bool takes_more() const;
  std::size_t bytes() const { return *bytes_; }
  std::size_t bytes_of_all() const { return *of_all_; }

 private:
  Count of_all_;
  Count bytes_;
};

}  // namespace drover::messaging
