#include "agent/daemon/tcp_keys.h"

#include <chrono>
#include <utility>

#include "agent/core/wipe.h"
#include "agent/system/log.h"
#include "messaging/front_keys.h"
#include "messaging/key_denial.h"

namespace drover::daemon {
namespace {

/// The front's second, by a clock that is looked at a moment later than its own was.
constexpr std::chrono::milliseconds kBetweenDenials{900};

std::string_view explanation_of(messaging::KeyDenial::Why why) {
  switch (why) {
    case messaging::KeyDenial::Why::unknown:
      return "the allow list does not have it";
    case messaging::KeyDenial::Why::role:
      return "it has not the role for the port it came to";
    case messaging::KeyDenial::Why::revoked:
      return "it is allowed no more";
  }
  return "";
}

}  // namespace

Result<std::unique_ptr<TcpKeys>> TcpKeys::start(system::Loop& loop, const BusConfig& bus,
                                                std::string node, jobs::Books& books, Send send,
                                                std::vector<DispatchServer> servers) {
  std::unique_ptr<TcpKeys> keys(
      new TcpKeys(bus.tcp, std::move(servers), std::move(node), books, std::move(send)));
  Result<std::unique_ptr<KeyWatch>> watch = KeyWatch::start(
      loop, bus.keys, [keys = keys.get()](std::string_view what, json::Object data) {
        keys->told(what, std::move(data));
      });
  if (!watch) {
    Error error = std::move(watch).error();
    if (error.code == Code::not_found) {
      error.message +=
          fmt::format("; make one with `drover keys new {}`, or leave {} out of the configuration",
                      (bus.keys / system::kServerKey).native(),
                      bus.tcp.address.empty() ? "dispatch.servers" : "bus.tcp.address");
    }
    return Failure(std::move(error).context(
        bus.tcp.address.empty()
            ? "dispatch.servers are connected to with the node's key"
            : fmt::format("bus.tcp.address is {}, where only keys are served", bus.tcp.address)));
  }
  keys->watch_ = *std::move(watch);
  return keys;
}

TcpKeys::TcpKeys(BusTcp tcp, std::vector<DispatchServer> servers, std::string node,
                 jobs::Books& books, Send send)
    : tcp_(std::move(tcp)),
      servers_(std::move(servers)),
      node_(std::move(node)),
      books_(books),
      send_(std::move(send)) {}

void TcpKeys::send() const {
  const KeyWatch::Keys& keys = watch_->keys();
  messaging::Record record = messaging::write_front_keys(
      {tcp_.address, static_cast<std::uint16_t>(tcp_.port),
       static_cast<std::uint16_t>(tcp_.next_port), keys.server, keys.next, keys.allowed, servers_});
  send_(record);
  wipe(record.body);
}

void TcpKeys::told(std::string_view what, json::Object data) {
  if (what == "keys_refused") {
    system::log_error("{}: not accepted; what was read of it before stays in force: {}",
                      data.find("file")->string_or(""), data.find("message")->string_or(""));
  } else {
    system::log_info("keys were read anew: {} are allowed", data.find("allowed")->integer_or(0));
    send();
  }
  write(what, std::move(data));
}

bool TcpKeys::take_denial(const messaging::Record& record) {
  const json::Value* kind = record.header.find("kind");
  if (kind == nullptr || kind->string_or("") != messaging::kKeyDenied) {
    return false;
  }
  const Result<messaging::KeyDenial> denial = messaging::read_key_denial(record);
  const system::Instant now = system::SystemClock().now();
  if (!denial || (last_denial_ && now - *last_denial_ < kBetweenDenials)) {
    return true;
  }
  last_denial_ = now;
  system::log_warning("key {}{} from {} is refused: {}; {} others since the last one told",
                      denial->key, denial->name.empty() ? "" : " (" + denial->name + ")",
                      denial->address, explanation_of(denial->why), denial->untold);
  write("key_denied", {{"key", denial->key},
                       {"name", denial->name},
                       {"address", denial->address},
                       {"why", to_string(denial->why)},
                       {"untold", denial->untold}});
  return true;
}

void TcpKeys::write(std::string_view what, json::Object data) {
  if (const Result<> written = books_.tell(Event{
          .kind = "security", .object = node_, .what = std::string(what), .data = std::move(data)});
      !written) {
    system::log_error("tell of the keys: {}", written.error().message);
  }
}

}  // namespace drover::daemon
