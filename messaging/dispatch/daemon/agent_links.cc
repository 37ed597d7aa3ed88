#include "messaging/dispatch/daemon/agent_links.h"

#include "messaging/dispatch/daemon/event_change.h"

namespace drover::dispatch {
namespace {

/// An agent that was asked for its HELLO is busy with it for so long.
constexpr std::chrono::seconds kAskAgain{1};

}  // namespace

bool speaks_for(const AllowedKey& key, std::string_view node) {
  return key.names.empty() ? key.name.str() == node : key.may_touch(node);
}

Result<> AgentLinks::said(std::uint64_t connection, const AllowedKey& key,
                          const messaging::Header& header, const std::string& body, Moment now) {
  if (header.kind == messaging::kNodeHello) {
    return take_piece(connection, key, header, body, now);
  }
  const std::string& node = node_of(connection);
  if (node.empty()) {
    ask_hello(connection, now);
    return {};
  }
  Heard heard = Heard::kept;
  if (header.kind == messaging::kNodeBeat) {
    const json::Value value = TRY(json::parse(body).context("read the heartbeat of an agent"));
    const Heartbeat beat = TRY(read_heartbeat(value, key.name.str()));
    if (beat.sender.node != node) {
      return fail(Code::refused, "a heartbeat of {} by the connection of {}", beat.sender.node,
                  node);
    }
    heard = ledger_.heartbeat(beat, now);
  } else if (header.kind == messaging::kEvent) {
    TRY(take_event(node, key, header, body, now, heard));
  } else {
    return fail(Code::invalid, "agents say nothing of kind \"{}\"", header.kind);
  }
  if (heard == Heard::ask_hello) {
    ask_hello(connection, now);
  }
  return {};
}

/// One that is larger than a body may be comes in pieces, "part" 0 on, all but the last with
/// "more".
Result<> AgentLinks::take_piece(std::uint64_t connection, const AllowedKey& key,
                                const messaging::Header& header, const std::string& body,
                                Moment now) {
  const json::Value all(header.all);
  const std::int64_t part = all.at("part").integer_or(0);
  Begun begun;
  if (const auto found = begun_.find(connection); found != begun_.end()) {
    if (part != 0) {
      begun = std::move(found->second);
    }
    begun_.erase(found);
  }
  if (part != begun.parts) {
    ask_hello(connection, now);
    return {};
  }
  if (begun.text.size() + body.size() > kMostHello) {
    return fail(Code::invalid, "a HELLO of more than {} MiB", kMostHello >> 20);
  }
  begun.text += body;
  begun.parts = part + 1;
  if (all.at("more").boolean_or(false)) {
    begun_.insert_or_assign(connection, std::move(begun));
    return {};
  }
  const json::Value hello = TRY(json::parse(begun.text).context("read the HELLO of an agent"));
  return take_hello(connection, key, hello, now);
}

Result<> AgentLinks::take_hello(std::uint64_t connection, const AllowedKey& key,
                                const json::Value& body, Moment now) {
  Hello hello = TRY(read_hello(body, key.name.str()));
  const std::string node = hello.sender.node;
  if (!speaks_for(key, node)) {
    return fail(Code::refused,
                "the key {} may not speak for node {}: call the key as the node is called, or give "
                "it the names that it may speak for",
                key.name.str(), node);
  }
  const NodeChange change = TRY(ledger_.hello(std::move(hello), now));
  lost(connection);
  if (const auto before = connections_.find(node); before != connections_.end()) {
    lost(before->second);  // the agent has connected anew
  }
  connections_[node] = connection;
  nodes_[connection] = node;
  handlers_.changed(change);
  return {};
}

Result<> AgentLinks::take_event(const std::string& node, const AllowedKey& key,
                                const messaging::Header& header, const std::string& body,
                                Moment now, Heard& heard) {
  const json::Value* found = header.all.find("topic");
  const std::string topic(found == nullptr ? "" : found->string_or(""));
  if (!topic.starts_with(node + ".")) {
    return fail(Code::refused, "an event with the topic \"{}\" by the connection of {}", topic,
                node);
  }
  if (topic != node + ".beacon.") {
    const json::Value value = TRY(json::parse(body).context("read an event of an agent"));
    heard = ledger_.changed(TRY(read_event_change(value, {node, key.name.str(), ""})), now);
    if (heard == Heard::ignored) {
      return fail(Code::refused, "an event of {} by the key {}, which is not that of its HELLO",
                  node, key.name.str());
    }
    handlers_.event(node, value);
  }
  post_.publish(topic, body);
  return {};
}

void AgentLinks::ask_hello(std::uint64_t connection, Moment now) {
  const auto [asked, is_first] = asked_.try_emplace(connection, now);
  if (!is_first && now - asked->second < kAskAgain) {
    return;
  }
  asked->second = now;
  post_.to_agent(connection, {}, {messaging::write_header(messaging::kHelloPlease, 0)});
}

const std::string& AgentLinks::node_of(std::uint64_t connection) const {
  static const std::string kNone;
  const auto found = nodes_.find(connection);
  return found == nodes_.end() ? kNone : found->second;
}

bool AgentLinks::send(const std::string& node, const messaging::Envelope& envelope, Letter letter) {
  const auto found = connections_.find(node);
  return found != connections_.end() && post_.to_agent(found->second, envelope, std::move(letter));
}

void AgentLinks::lost(std::uint64_t connection) {
  asked_.erase(connection);
  begun_.erase(connection);
  if (const auto found = nodes_.find(connection); found != nodes_.end()) {
    connections_.erase(found->second);
    nodes_.erase(found);
  }
}

}  // namespace drover::dispatch
