#include "messaging/pair.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace drover::messaging {
namespace {

/// Records are put together up to this size; larger ones travel alone.
constexpr std::size_t kBatch = 32 * 1024;
constexpr int kMostPacketsAtOnce = 100;

/// A packet must fit into the send buffer as a whole (EMSGSIZE else), and the default of 208 KiB is
/// less than our largest. The kernel doubles what is asked for and caps it at net.core.wmem_max,
/// whose default (212992) is enough after the doubling.
void widen(int fd) {
  constexpr int kWanted = 1 << 20;
  if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &kWanted, sizeof kWanted) != 0) {
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kWanted, sizeof kWanted);
  }
}

}  // namespace

Result<std::pair<system::UniqueFd, system::UniqueFd>> Pair::make() {
  std::array<int, 2> fds{};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds.data()) != 0) {
    return fail(Code::unavailable, "socketpair: {}", std::strerror(errno));
  }
  return std::pair(system::UniqueFd(fds[0]), system::UniqueFd(fds[1]));
}

Pair::Pair(system::UniqueFd fd, std::size_t most_queued)
    : fd_(std::move(fd)), most_queued_(most_queued), buffer_(kMostPacket, '\0') {
  fcntl(fd_.get(), F_SETFL, O_NONBLOCK);
  widen(fd_.get());
}

std::uint32_t Pair::events() const {
  return queued_ == 0 ? EPOLLIN : EPOLLIN | EPOLLOUT;
}

Result<> Pair::send(const Record& record) {
  std::string packet;
  TRY(encode(record, packet));
  if (queued_ + packet.size() > most_queued_) {
    return fail(Code::unavailable, "{} bytes wait for the other process already", queued_);
  }
  queued_ += packet.size();
  if (!packets_.empty() && packets_.back().size() + packet.size() <= kBatch) {
    packets_.back() += packet;
  } else {
    packets_.push_back(std::move(packet));
  }
  return {};
}

Result<> Pair::flush() {
  while (!packets_.empty()) {
    const std::string& packet = packets_.front();
    if (::send(fd_.get(), packet.data(), packet.size(), MSG_NOSIGNAL) < 0) {
      if (errno == EAGAIN || errno == ENOBUFS) {
        return {};
      }
      if (errno == EINTR) {
        continue;
      }
      return fail(Code::unavailable, "send to the other process: {}", std::strerror(errno));
    }
    queued_ -= packet.size();
    packets_.pop_front();
  }
  return {};
}

Result<std::vector<Record>> Pair::receive() {
  std::vector<Record> records;
  for (int i = 0; i < kMostPacketsAtOnce; ++i) {
    // MSG_TRUNC gives the whole size of a packet that is larger than the buffer.
    const ssize_t size = recv(fd_.get(), buffer_.data(), buffer_.size(), MSG_TRUNC);
    if (size < 0) {
      if (errno == EINTR) {
        continue;
      }
      // What came before an error is handed out first; the next call finds the pair closed.
      if (errno == EAGAIN || !records.empty()) {
        break;
      }
      return fail(Code::unavailable, "receive from the other process: {}", std::strerror(errno));
    }
    if (size == 0) {
      // What came before the end is handed out first; the next call finds the end again.
      if (!records.empty()) {
        break;
      }
      return fail(Code::unavailable, "the other process closed the pair");
    }
    const auto bytes = static_cast<std::size_t>(size);
    if (bytes > buffer_.size()) {
      return fail(Code::invalid, "packet of {} bytes is larger than the {} accepted", bytes,
                  buffer_.size());
    }
    std::vector<Record> more = TRY(decode(std::string_view(buffer_.data(), bytes)));
    for (Record& record : more) {
      records.push_back(std::move(record));
    }
  }
  return records;
}

}  // namespace drover::messaging
