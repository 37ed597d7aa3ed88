#include "agent/daemon/tcp_keys.h"

#include <utility>

#include "agent/core/wipe.h"
#include "agent/system/log.h"
#include "messaging/front_keys.h"

namespace drover::daemon {

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
  if (const Result<> written = books_.tell(Event{
          .kind = "security", .object = node_, .what = std::string(what), .data = std::move(data)});
      !written) {
    system::log_error("tell of the keys: {}", written.error().message);
  }
}

}  // namespace drover::daemon
