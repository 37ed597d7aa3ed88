// Pair: one end of the SEQPACKET socket pair between droverd and drover-front.
//
// Small records of one turn travel in one packet. Nothing blocks: what the kernel does not take
// waits in a queue with a bound.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "agent/core/result.h"
#include "agent/system/unique_fd.h"
#include "messaging/record.h"

namespace drover::messaging {

/// For one thread.
class Pair {
 public:
  /// Two connected descriptors, closed on exec.
  static Result<std::pair<system::UniqueFd, system::UniqueFd>> make();

  /// Takes a connected SEQPACKET descriptor and makes it non-blocking. `most_queued`: bytes that
  /// may wait for the other side.
  explicit Pair(system::UniqueFd fd, std::size_t most_queued = std::size_t{16} << 20);

  int fd() const { return fd_.get(); }
  /// The epoll events to wait for now: EPOLLIN, with EPOLLOUT while something waits to be sent.
  std::uint32_t events() const;

  /// Queues the record for `flush`. `unavailable` when the queue is full (nothing was queued),
  /// `invalid` when a part is too large.
  Result<> send(const Record& record);
  /// Hands the kernel what it takes. `unavailable` when the other side is gone.
  Result<> flush();
  bool all_sent() const { return queued_ == 0; }

  /// What has come, at most about a hundred packets a call; empty when there is nothing.
  /// `unavailable` when the other side is gone, `invalid` when it sent what is no packet.
  Result<std::vector<Record>> receive();

 private:
  system::UniqueFd fd_;
  std::size_t most_queued_;
  std::size_t queued_ = 0;  // bytes in packets_
  std::deque<std::string> packets_;
  std::string buffer_;
};

}  // namespace drover::messaging
