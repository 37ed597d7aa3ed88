#include "messaging/client/stream_connection.h"

#include <algorithm>

#include "messaging/client/bus.h"
#include "messaging/client/channel.h"

namespace drover::messaging {
namespace {

constexpr const char* kSocket = "streams.sock";
/// Who is there takes a connection in milliseconds. One that was made while the node ended, and
/// before anybody watched it, would be waited for in vain.
constexpr std::chrono::seconds kConnectTime{2};

}  // namespace

StreamConnection::StreamConnection(const Client& client)
    : bus_(client.bus()),
      options_(client.options()),
      alone_since_(std::chrono::steady_clock::now()) {
  if (!client.target().empty()) {
    members_.set("to", client.target());
  }
}
StreamConnection::~StreamConnection() = default;
StreamConnection::StreamConnection(StreamConnection&&) noexcept = default;

Result<> StreamConnection::connect() {
  if (channel_ != nullptr && channel_->lost()) {
    bus_->give_up(channel_->which());
  }
  channel_.reset();
  Channel channel = TRY(Channel::open(bus_, kSocket));
  channel.set_members(members_);
  channel_ = std::make_unique<Channel>(std::move(channel));
  tried_since_ = std::chrono::steady_clock::now();
  return {};
}

bool StreamConnection::is_behind_dispatcher() const {
  return bus_->is_cluster();
}

bool StreamConnection::lives() const {
  return channel_ != nullptr && !channel_->lost();
}

void StreamConnection::heard() {
  alone_since_ = std::chrono::steady_clock::now();
}

Result<bool> StreamConnection::open(std::string_view kind, const json::Object& what,
                                    system::Instant until, const system::Stop& stop) {
  const auto now = [] { return std::chrono::steady_clock::now(); };
  const system::Duration patience = was_open_ ? options_.silence_limit : options_.connect_timeout;
  const system::Instant limit = alone_since_ + patience;
  if (!lives()) {
    const Result<> connected = connect();
    if (!connected) {
      if (connected.error().code != Code::unavailable || now() >= limit) {
        return Failure(connected.error());
      }
      // A node that starts again makes its socket anew; there is nothing to wait on before.
      constexpr std::chrono::milliseconds kPause{100};
      TRY(system::SystemClock().sleep_until(std::min(until, now() + kPause), stop));
      return false;
    }
  }
  if (now() < next_open_) {
    TRY(system::SystemClock().sleep_until(std::min(until, next_open_), stop));
    return false;
  }
  const system::Instant given_up = std::min(limit, tried_since_ + kConnectTime);
  const bool sent =
      TRY(channel_->send(kind, ++rq_, json::write(what), std::min(until, given_up), stop));
  if (!sent && now() >= limit) {
    const Plight plight = channel_->plight();
    return Failure(
        bus_->silent(channel_->which(), kSocket, plight == Plight::nobody ? plight_ : plight));
  }
  if (!sent && now() >= given_up) {
    plight_ = channel_->plight();
    bus_->give_up(channel_->which());
    channel_.reset();
  }
  was_open_ = was_open_ || sent;
  return sent;
}

}  // namespace drover::messaging
