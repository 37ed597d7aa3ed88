// `drover --cluster`: through a dispatcher, with fake nodes behind it.
#include <fstream>

#include "drover_program.h"
#include "fakes/fake_dispatcher.h"
#include "fakes/new_key.h"
#include "fakes/temp_folder.h"

namespace drover::cli {
namespace {

using fakes::FakeDispatcher;
using fakes::FakeNode;

class ClusterTest : public DroverProgram {
 protected:
  /// `drover --dispatcher FOLDER` with these arguments.
  system::Output ask(std::vector<std::string> line) {
    line.insert(line.begin(), {"--dispatcher", dispatcher_.bus().native()});
    return drover_on("/nonexistent", std::move(line));
  }
  void have(const std::string& node, const std::string& name, const std::string& script) {
    const system::Output output = ask({"--to", node, "run", "-q", "--name", name, "--image",
                                       "oci:/images/busybox:1", "--", "sh", "-c", script});
    ASSERT_EQ(output.ending.code, 0) << output.err;
  }
  void kill(const std::string& node) {
    dispatcher_.call([&](FakeDispatcher::State& state) { state.dead.insert(node); });
  }
  static bool has(FakeNode& node, const std::string& container) {
    bool there = false;
    node.call([&](State& state, Faults&) { there = state.containers.contains(container); });
    return there;
  }

  FakeNode one_{"pve1"};
  FakeNode two_{"pve2"};
  FakeDispatcher dispatcher_{{&one_, &two_}};
  fakes::TempFolder folder_;
};

#define EXPECT_TOLD(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST_F(ClusterTest, RunComesToANodeThatFitsAndIsFollowedThere) {
  dispatcher_.call([](FakeDispatcher::State& state) {
    state.facts["pve2"].labels = {{"role", "web"}};
  });
  const system::Output ran = ask({"run", "-q", "--wait", "--name", "web-1", "--needs-label",
                                  "role=web", "--", "sh", "-c", "echo hello; exit 7"});
  EXPECT_EQ(ran.ending.code, 7) << ran.err;
  EXPECT_EQ(ran.out, "hello\n");
  EXPECT_TRUE(has(two_, "web-1"));
}

TEST_F(ClusterTest, CommandsFindTheirContainer) {
  have("pve1", "web-1", "echo one; sleep");
  have("pve2", "web-2", "echo two; sleep");
  EXPECT_EQ(ask({"logs", "web-2"}).out, "two\n");
  EXPECT_EQ(ask({"exec", "web-1", "--", "sh", "-c", "echo inside"}).out, "inside\n");
  EXPECT_TOLD(ask({"inspect", "web-2"}).out, "web-2");
  const system::Output stopped = ask({"stop", "-q", "web-1", "web-2"});
  EXPECT_EQ(stopped.ending.code, 0) << stopped.err;
  EXPECT_EQ(stopped.out, "web-1\nweb-2\n");
  const system::Output removed = ask({"rm", "-q", "web-9", "web-2"});
  EXPECT_EQ(removed.ending.code, 1) << removed.err;
  EXPECT_EQ(removed.out, "web-2\n");
  EXPECT_FALSE(has(two_, "web-2"));
  const system::Output missing = ask({"logs", "web-9"});
  EXPECT_EQ(missing.ending.code, 1);
  EXPECT_TOLD(missing.err, "on no node");
}

TEST_F(ClusterTest, WhatIsOnSeveralNodesMustBeSaidOfWhich) {
  have("pve1", "web-1", "echo one; sleep");
  have("pve2", "web-1", "echo two; sleep");
  const system::Output either = ask({"logs", "web-1"});
  EXPECT_EQ(either.ending.code, 1);
  EXPECT_TOLD(either.err, "pve1, pve2");
  EXPECT_EQ(ask({"--to", "pve2", "logs", "web-1"}).out, "two\n");
  const system::Output where = ask({"where", "web-1"});
  EXPECT_TOLD(where.out, "pve1");
  EXPECT_TOLD(where.out, "pve2");
}

TEST_F(ClusterTest, OneJobForSeveralNodesIsDoneOnEach) {
  const system::Output ran = ask({"--to", "all", "run", "-q", "--name", "agent", "--", "sleep"});
  EXPECT_EQ(ran.ending.code, 0) << ran.err;
  EXPECT_EQ(ran.out, "pve1 agent\npve2 agent\n");
  const system::Output stopped = ask({"--to", "pve*,pve9", "stop", "-q", "agent"});
  EXPECT_EQ(stopped.ending.code, 1);
  EXPECT_EQ(stopped.out, "pve1 agent\npve2 agent\n");
  EXPECT_TOLD(stopped.err, "pve9");
}

TEST_F(ClusterTest, ListsHaveTheNodeAndMarkWhatCannotBeReached) {
  have("pve1", "web-1", "sleep");
  have("pve2", "web-2", "sleep");
  const system::Output all = ask({"ps"});
  EXPECT_EQ(all.ending.code, 0) << all.err;
  EXPECT_TOLD(all.out, "NODE");
  EXPECT_TOLD(ask({"jobs"}).out, "pve2");
  kill("pve2");
  dispatcher_.call([](FakeDispatcher::State&) {});
  const system::Output some = ask({"ps"});
  EXPECT_EQ(some.ending.code, 1);
  EXPECT_TOLD(some.out, "web-1");
  EXPECT_TOLD(some.out, "unreachable (was running)");
  EXPECT_TOLD(some.err, "pve2 is dead");
  const system::Output json = ask({"ps", "--json"});
  EXPECT_TOLD(json.out, "\"unreachable\": true");
  EXPECT_TOLD(ask({"nodes"}).out, "dead");
  EXPECT_TOLD(ask({"where", "web-2"}).out, "unreachable (was running)");
}

TEST_F(ClusterTest, EventsOfAllNodesArePrintedWithTheirs) {
  have("pve1", "web-1", "sleep");
  have("pve2", "web-2", "sleep");
  const system::Output all = ask({"events", "--kind", "container"});
  EXPECT_EQ(all.ending.code, 0) << all.err;
  EXPECT_TOLD(all.out, "pve1 ");
  EXPECT_TOLD(all.out, "web-2 running");
  EXPECT_TOLD(all.err, "--after pve1=epoch-1:");
  EXPECT_TOLD(all.err, "--after pve2=epoch-1:");
  const system::Output rest = ask({"events", "--after", "pve1=epoch-1:0", "--json"});
  EXPECT_TOLD(rest.out, "/drover/pve2");
}

TEST_F(ClusterTest, APlanTellsWhyANodeIsNotChosen) {
  dispatcher_.call([](FakeDispatcher::State& state) { state.facts["pve1"].drained = true; });
  const system::Output plan =
      ask({"plan", "--memory", "1G", "--strategy", "spread", "--", "sh", "-c", "x"});
  EXPECT_EQ(plan.ending.code, 0) << plan.err;
  EXPECT_TOLD(plan.out, "is drained");
  EXPECT_TOLD(plan.out, "chosen");
  const system::Output none = ask({"plan", "--memory", "64G", "--", "sh"});
  EXPECT_EQ(none.ending.code, 1);
  EXPECT_TOLD(none.out, "MiB of memory free");
}

TEST_F(ClusterTest, ABatchIsHandedOverAndLookedAfter) {
  std::ofstream(folder_ / "batch.json") << R"({
    // two of them alone first
    "id": "roll-7", "canary": {"items": 1},
    "jobs": [{"verb": "container.run", "target": "b-1", "node": "pve1",
              "spec": {"image": "oci:/i:1", "command": ["sleep"]}},
             {"verb": "container.run", "target": "b-2",
              "spec": {"image": "oci:/i:1", "command": ["sleep"]}}]})";
  const system::Output run = ask({"batch", "run", folder_ / "batch.json"});
  EXPECT_EQ(run.ending.code, 0) << run.err;
  EXPECT_TOLD(run.out, "roll-7 canary_wait");
  EXPECT_TRUE(has(one_, "b-1"));
  EXPECT_TOLD(ask({"batch", "ls"}).out, "roll-7");
  EXPECT_EQ(ask({"batch", "pause", "roll-7"}).ending.code, 0);
  EXPECT_EQ(ask({"batch", "resume", "roll-7"}).ending.code, 0);
  const system::Output approved = ask({"batch", "approve", "roll-7"});
  EXPECT_TOLD(approved.out, "roll-7 done: 2 succeeded");
  const system::Output shown = ask({"batch", "show", "roll-7"});
  EXPECT_TOLD(shown.out, "roll-7-1");
  EXPECT_TOLD(shown.out, "roll-7-2");
  const system::Output late = ask({"batch", "abort", "roll-7"});
  EXPECT_EQ(late.ending.code, 1) << late.out;
}

TEST_F(ClusterTest, ANodeIsDrainedByTheDispatcher) {
  const system::Output moved = ask({"drain", "pve1", "--move"});
  EXPECT_EQ(moved.ending.code, 0) << moved.err;
  EXPECT_TOLD(moved.out, "web-1");
  EXPECT_TOLD(moved.out, "moved");
  EXPECT_TOLD(ask({"nodes"}).out, "drained");
  const system::Output drained = ask({"drain", "pve2", "-q"});
  EXPECT_EQ(drained.ending.code, 0) << drained.err;
  EXPECT_TOLD(drained.out, "pve2 takes no new containers");
}

TEST_F(ClusterTest, AClusterIsFoundByItsNameAndTheNextDispatcherIsTried) {
  const KeyPair server = fakes::new_key();
  const KeyPair mine = fakes::new_key();
  const std::uint16_t port = dispatcher_.serve_tcp(server);
  dispatcher_.call(
      [&](FakeDispatcher::State& state) { state.allowed.insert(mine.public_key.str()); });
  std::filesystem::create_directory(folder_ / "drover");
  std::ofstream(folder_ / "drover/mine.key") << mine.text();
  std::filesystem::permissions(folder_ / "drover/mine.key", std::filesystem::perms::owner_read);
  const std::string key = R"(","server_key":")" + server.public_key.str() + "\"}";
  std::ofstream(folder_ / "drover/client.json")
      << R"({"key":"mine.key","clusters":{"prod":{"dispatchers":[)"
      << R"({"address":"tcp://127.0.0.1:1)" << key << R"(,{"address":"tcp://127.0.0.1:)" << port
      << key << "]}}}";
  for (const char* cluster : {"--cluster", "--cluster=prod"}) {
    const system::Output nodes =
        drover_with({{"XDG_CONFIG_HOME", folder_.path().native()}}, {cluster, "nodes", "-q"});
    EXPECT_EQ(nodes.ending.code, 0) << nodes.err;
    EXPECT_EQ(nodes.out, "pve1\npve2\n");
  }
}

}  // namespace
}  // namespace drover::cli
