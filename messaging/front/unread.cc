#include "messaging/front/unread.h"

#include <utility>

namespace drover::messaging {
namespace {

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
