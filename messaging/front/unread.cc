#include "messaging/front/unread.h"

#include <utility>

namespace drover::messaging {
namespace {

/// Bytes that may wait for one client that does not read: twice the credit that a stream may have.
constexpr std::size_t kMostUnread = std::size_t{32} << 20;
/// When so much waits for all of them together, a client for which more than its share waits gets
/// no more.
constexpr std::size_t kMostUnreadOfAll = std::size_t{256} << 20;
constexpr std::size_t kShareOfUnread = std::size_t{1} << 20;

/// Smaller frames are not counted: the bound on messages is enough for them.
constexpr std::size_t kCountsFrom = 256;

struct Counted {
  std::string text;
  Unread::Count bytes;
  Unread::Count of_all;
};

/// Called by libzmq from any of its threads.
void let_go(void*, void* hint) {
  const std::unique_ptr<Counted> counted(static_cast<Counted*>(hint));
  *counted->bytes -= counted->text.size();
  *counted->of_all -= counted->text.size();
}

}  // namespace

bool Unread::takes_more() const {
  return bytes() < (bytes_of_all() < kMostUnreadOfAll ? kMostUnread : kShareOfUnread);
}

zmq::message_t Unread::frame(std::string text) const {
  if (text.size() < kCountsFrom) {
    return zmq::message_t(text.data(), text.size());
  }
  auto counted = std::make_unique<Counted>(Counted{std::move(text), bytes_, of_all_});
  const std::size_t size = counted->text.size();
  zmq::message_t frame(counted->text.data(), size, &let_go, counted.get());
  *bytes_ += size;
  *of_all_ += size;
  counted.release();
  return frame;
}

}  // namespace drover::messaging
