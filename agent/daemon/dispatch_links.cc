#include "agent/daemon/dispatch_links.h"

#include <string>
#include <utility>

#include "agent/system/log.h"
#include "messaging/envelope.h"
#include "messaging/message.h"

namespace drover::daemon {

bool DispatchLinks::handle(const messaging::Record& record) {
  const json::Value header(record.header);
  const std::string_view kind = header.at("kind").string_or("");
  const auto link = static_cast<std::uint64_t>(header.at("link").integer_or(0));
  if (kind == messaging::kLinkUp) {
    links_.insert(link);
    say_hello(link);
  } else if (kind == messaging::kHelloPlease) {
    say_hello(link);
  } else if (kind == messaging::kLinkDown) {
    links_.erase(link);
  } else {
    return false;
  }
  return true;
}

void DispatchLinks::say_hello(std::uint64_t link) {
  books_.settle();
  const Result<dispatch::Hello> hello = report_.hello();
  if (!hello) {
    system::log_error("tell a dispatcher what this node has: {}", hello.error().message);
    return;
  }
  dispatch::NodeFacts outline = hello->facts;
  outline.containers.clear();
  outline.reserved = {};
  outline.drained = false;
  outline.quorate.reset();
  outline_ = std::move(outline);
  const std::string text = json::write(dispatch::to_json(*hello));
  // What is larger than a body may be comes in parts.
  std::int64_t part = 0;
  for (std::size_t begin = 0; begin < text.size(); begin += messaging::kMostBody) {
    json::Object header{{"kind", messaging::kNodeHello}, {"link", link}, {"part", part++}};
    if (text.size() - begin > messaging::kMostBody) {
      header.set("more", true);
    }
    send_(messaging::Record{std::move(header), text.substr(begin, messaging::kMostBody), {}});
  }
}

void DispatchLinks::beat() {
  if (links_.empty()) {
    return;
  }
  books_.settle();
  const Result<dispatch::NodeFacts> outline = report_.outline();
  if (outline && outline_ && *outline != *outline_) {
    for (const std::uint64_t link : links_) {
      say_hello(link);
    }
  }
  const Result<dispatch::Heartbeat> heartbeat = report_.heartbeat();
  if (!heartbeat) {
    system::log_error("tell dispatchers that this node is there: {}", heartbeat.error().message);
    return;
  }
  // So that one that shares nothing with the others knows that they are there.
  json::Value body = dispatch::to_json(*heartbeat);
  body.object()->set("dispatchers", std::uint64_t{servers_});
  send_(messaging::Record{{{"kind", messaging::kNodeBeat}}, json::write(body), {}});
}

}  // namespace drover::daemon
