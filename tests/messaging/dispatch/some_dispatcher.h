// A dispatcher without a socket: what it sends is kept, and what agents and clients send is said
// here.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/core/event.h"
#include "fakes/fake_clock.h"
#include "messaging/dispatch/daemon/dispatcher.h"

namespace drover::dispatch {

struct Read {
  messaging::Header header;
  json::Value body;
  std::string data;
  std::string member(std::string_view key) const {
    const json::Value* found = header.all.find(key);
    return std::string(found == nullptr ? "" : found->string_or(""));
  }
};

struct Asked {
  messaging::Envelope envelope;
  Read letter;
};

/// Keeps what was sent, as those would who read it.
class Mailbox : public Post {
 public:
  void to_client(std::uint64_t client, Letter letter) override {
    clients[client].push_back(read(letter));
  }
  bool to_agent(std::uint64_t connection, const messaging::Envelope& envelope,
                Letter letter) override {
    if (deaf.contains(connection)) {
      return false;
    }
    agents[connection].push_back({envelope, read(letter)});
    return true;
  }
  void publish(const std::string& topic, const std::string&) override { topics.push_back(topic); }

  std::map<std::uint64_t, std::vector<Read>> clients;
  std::map<std::uint64_t, std::vector<Asked>> agents;
  std::set<std::uint64_t> deaf;  ///< connections that do not read
  std::vector<std::string> topics;

 private:
  static Read read(const Letter& letter) {
    return {messaging::read_header(letter.header).value(), json::parse(letter.body).value(),
            letter.data};
  }
};

inline PublicKey some_key() {
  return PublicKey::parse("Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID").value();
}

class DispatcherTest : public testing::Test {
 protected:
  static AllowedKey key(const std::string& name, std::vector<std::string> names = {}) {
    return {KeyName::parse(name).value(), some_key(), {KeyRole::agent}, {}, std::move(names), {}};
  }
  void say(std::uint64_t connection, const std::string& name, std::string_view kind,
           const json::Value& body, const json::Object& more = {}) {
    const std::string header = messaging::write_header(kind, 0, more);
    dispatcher_->said(connection, key(name), {}, messaging::read_header(header).value(),
                      json::write(body), {}, now_);
  }
  /// A node's agent has connected, with two CPUs.
  void hello(const std::string& node, std::uint64_t connection, Labels labels = {},
             std::vector<ContainerFacts> containers = {}, std::vector<JobFacts> jobs = {}) {
    NodeFacts facts;
    facts.name = node;
    facts.labels = std::move(labels);
    facts.total = {2000, 4096, 0};
    facts.runtimes = {"crun"};
    facts.containers = std::move(containers);
    say(connection, node, messaging::kNodeHello,
        to_json(Hello{{node, node, "e1"}, 1, std::move(facts), std::move(jobs)}));
  }
  void beat(const std::string& node, std::uint64_t connection, std::uint64_t seq = 1) {
    say(connection, node, messaging::kNodeBeat,
        to_json(Heartbeat{{node, node, "e1"}, seq, {}, false, true}));
  }
  void tell(const std::string& node, std::uint64_t connection, std::uint64_t seq, std::string kind,
            std::string object, std::string what, json::Object data = {}) {
    const Event event{
        "e1",           seq, 1, 1, 5, std::move(kind), std::move(object), std::move(what), "",
        std::move(data)};
    say(connection, node, messaging::kEvent, to_cloud_event(event, node),
        {{"topic", topic_of(event, node)}});
  }
  void ask(std::string_view kind, std::uint64_t rq, const json::Object& more,
           const json::Value& body, KeyRole role = KeyRole::admin, std::string data = "") {
    const std::string header = messaging::write_header(kind, rq, more);
    dispatcher_->asked({kClient, "alice", role}, messaging::read_header(header).value(),
                       json::write(body), std::move(data), now_);
  }
  void submit(std::uint64_t rq, std::string_view to, const std::string& id = "job-1") {
    ask("job.submit", rq, {{"to", to}},
        json::Object{{"id", id}, {"verb", "container.stop"}, {"target", "web"}});
  }
  /// The last request that came by the connection is answered so.
  void answer(const std::string& node, std::uint64_t connection, std::string_view kind,
              const json::Value& body) {
    const Asked& last = post_.agents[connection].back();
    const std::string header = messaging::write_header(kind, last.letter.header.rq);
    dispatcher_->said(connection, key(node), {last.envelope.client, "", {}},
                      messaging::read_header(header).value(), json::write(body), {}, now_);
  }
  void answer_error(const std::string& node, std::uint64_t connection, Code code) {
    answer(node, connection, "error",
           json::parse(messaging::write_error({code, "no", {}})).value());
  }
  std::size_t count(std::uint64_t connection) { return post_.agents[connection].size(); }
  const Read& told() { return post_.clients[kClient].back(); }
  json::Value own(std::string_view kind, const json::Object& body) {
    ask(kind, 99, {}, body);
    return told().body;
  }
  /// Seconds of silence, of all but those who beat.
  void pass(int number) {
    for (int i = 0; i < number; ++i) {
      now_ += std::chrono::seconds(1);
      dispatcher_->tick(now_);
    }
  }

  static constexpr std::uint64_t kClient = 7;
  static constexpr std::uint64_t kOwn = 1000;  ///< the dispatcher itself
  Mailbox post_;
  Moment now_ = Moment() + std::chrono::seconds(1000);
  fakes::FakeClock clock_;
  std::optional<Dispatcher> dispatcher_{std::in_place, "d1", kOwn, post_, clock_};
};

}  // namespace drover::dispatch
