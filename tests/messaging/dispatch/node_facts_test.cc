#include "messaging/dispatch/node_facts.h"

#include <gtest/gtest.h>

namespace drover::dispatch {
namespace {

TEST(NodeFacts, AreWhatTheirJsonSays) {
  NodeFacts facts;
  facts.name = "pve1";
  facts.labels = {{"role", "web"}};
  facts.total = Capacity{16'000, 65'536, 1'000'000};
  facts.reserved = Capacity{1500, 2048, 0};
  facts.runtimes = {"crun", "pve-lxc"};
  facts.storages = {"local", "tank"};
  facts.bridges = {"vmbr0"};
  facts.drained = true;
  facts.quorate = false;
  facts.containers = {{"web-1", {{"app", "web"}}, "running"}, {"web-2"}};
  const Result<json::Value> sent = json::parse(json::write(to_json(facts)));
  ASSERT_TRUE(sent);
  const Result<NodeFacts> read = read_node_facts(*sent);
  ASSERT_TRUE(read) << to_text(read.error());
  EXPECT_EQ(*read, facts);
}

TEST(NodeFacts, ANewerAgentMaySayMoreAndASmallOneLess) {
  const Result<NodeFacts> read =
      read_node_facts(json::parse(R"({"node":"n1","quorate":null,"moon":"full"})").value());
  ASSERT_TRUE(read) << to_text(read.error());
  EXPECT_EQ(read->name, "n1");
  EXPECT_EQ(read->quorate, std::nullopt);
  EXPECT_EQ(read->total, Capacity{});
}

TEST(NodeFacts, EveryFaultIsTold) {
  const Result<NodeFacts> read = read_node_facts(
      json::parse(R"({"node":"-","total":{"cpus":-1,"memory_mib":"much"},"drained":1,
                      "containers":[{"labels":{"a":1}}]})")
          .value());
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::invalid);
  std::string pointers;
  for (const Fault& fault : read.error().faults) {
    pointers += fault.pointer + " ";
  }
  EXPECT_EQ(pointers,
            "/node /total/cpus /total/memory_mib /drained /containers/0/name "
            "/containers/0/labels/a ");
}

}  // namespace
}  // namespace drover::dispatch
