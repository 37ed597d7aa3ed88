#include "messaging/dispatch/ledger_messages.h"

#include <gtest/gtest.h>

#include "some_agents.h"

namespace drover::dispatch {
namespace {

/// As it is on its way: text.
json::Value sent_and_read(const json::Value& value) {
  return json::parse(json::write(value)).value();
}

TEST(LedgerMessages, AreWhatTheirJsonSays) {
  SomeAgent agent("n1");
  agent.seq = 7;
  agent.facts.containers = {{"web", {{"app", "web"}}, "running"}};
  agent.facts.quorate = true;
  agent.facts.reserved = Capacity{1500, 512, 0};
  agent.jobs = {{"j1", "running"}};
  EXPECT_EQ(read_hello(sent_and_read(to_json(agent.hello())), "agents").value(), agent.hello());
  EXPECT_EQ(read_heartbeat(sent_and_read(to_json(agent.heartbeat())), "agents").value(),
            agent.heartbeat());
  ThingChange change = agent.change(ThingKind::container, "web", "stopped");
  change.labels = {{"app", "web"}};
  EXPECT_EQ(read_thing_change(sent_and_read(to_json(change)), "agents").value(), change);
  const ThingChange job = agent.change(ThingKind::job, "j1", "failed");
  EXPECT_EQ(read_thing_change(sent_and_read(to_json(job)), "agents").value(), job);
}

TEST(LedgerMessages, TheKeyIsTheConnectionsAndNotTheMessages) {
  const json::Value heartbeat =
      json::parse(R"({"node":"n1","epoch":"e","seq":1,"key":"admin","more":1})").value();
  EXPECT_EQ(read_heartbeat(heartbeat, "agents").value().sender.key, "agents");
}

TEST(LedgerMessages, EveryFaultIsTold) {
  const auto faults = [](const auto& read) {
    std::string pointers;
    EXPECT_FALSE(read);
    if (!read) {
      EXPECT_EQ(read.error().code, Code::invalid);
      for (const Fault& fault : read.error().faults) {
        pointers += fault.pointer + " ";
      }
    }
    return pointers;
  };
  const json::Value empty = json::Object();
  EXPECT_EQ(faults(read_hello(empty, "k")), "/epoch /seq ");
  EXPECT_EQ(faults(read_heartbeat(empty, "k")), "/epoch /node /seq ");
  EXPECT_EQ(faults(read_thing_change(empty, "k")), "/epoch /node /seq /kind /id /state ");
  EXPECT_EQ(faults(read_hello(
                json::parse(R"({"epoch":"","seq":-1,"jobs":[{"id":1}],"facts":{}})").value(), "k")),
            "/epoch /seq /jobs/0/id /jobs/0/id /jobs/0/state ");
  EXPECT_EQ(faults(read_hello(json::parse(R"({"epoch":"e","seq":1})").value(), "k")), " /node ");
}

}  // namespace
}  // namespace drover::dispatch
