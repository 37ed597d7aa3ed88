// What a node tells its dispatchers of itself.
#include "agent/jobs/queries/node_report.h"

#include <gmock/gmock.h>

#include "agent/jobs/drain.h"
#include "node_fixture.h"

namespace drover::jobs {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

class NodeReportTest : public NodeFixture {
 protected:
  NodeReport report() { return {*journal_, *node_, nullptr}; }
};

TEST_F(NodeReportTest, AHelloHasWhatThereIsAndIsReadByADispatcher) {
  std::filesystem::create_directories(layout_.local_volumes());
  config_.labels = {{"role", "web"}};
  config_.container.memory_mib = 100;
  json::Object request = run_job("j1", "web-1");
  request.find("spec")->object()->set("labels", json::Object{{"team", "a"}});
  request.find("spec")->object()->set("resources", json::Object{{"cpus", 1.5}});
  run(request);
  submit_paused(run_job("j2", "web-2"), "create", fakes::FakeRuntime::Hold::before_deed);
  books_->settle();
  const dispatch::Hello told = report().hello().value();
  runtime_.let_go();
  await("j2");
  const dispatch::Hello hello = dispatch::read_hello(dispatch::to_json(told), "").value();
  EXPECT_EQ(hello, told);
  EXPECT_EQ(hello.sender.node, "pve1");
  EXPECT_EQ(hello.sender.epoch, journal_->epoch());
  EXPECT_GT(hello.seq, 0U);
  EXPECT_LT(hello.seq, journal_->head());
  EXPECT_EQ(hello.facts.labels, (dispatch::Labels{{"role", "web"}}));
  EXPECT_EQ(hello.facts.reserved.milli_cpus, 1500);
  EXPECT_GE(hello.facts.reserved.memory_mib, 100);
  EXPECT_GT(hello.facts.total.milli_cpus, 0);
  EXPECT_GT(hello.facts.total.disk_mib, 0);
  EXPECT_GE(hello.facts.total.disk_mib, hello.facts.reserved.disk_mib);
  EXPECT_THAT(hello.facts.runtimes, ElementsAre("runc"));
  EXPECT_THAT(hello.facts.storages, ElementsAre("local-folder", "local-image"));
  EXPECT_FALSE(hello.facts.drained);
  EXPECT_EQ(hello.facts.quorate, std::nullopt);
  EXPECT_THAT(hello.facts.containers,
              Contains(dispatch::ContainerFacts{"web-1", {{"team", "a"}}, "running"}));
  EXPECT_THAT(hello.jobs, ElementsAre(dispatch::JobFacts{"j2", "running"}));
}

TEST_F(NodeReportTest, AHeartbeatSaysHowTheNodeIsNow) {
  NodeReport report = this->report();
  const dispatch::NodeFacts outline = report.outline().value();
  EXPECT_EQ(report.heartbeat().value().reserved.milli_cpus, 0);
  json::Object request = run_job("j1", "web-1");
  request.find("spec")->object()->set("resources", json::Object{{"cpus", 2}});
  run(request);
  run(job("j2", "node.drain", "pve1"));
  const dispatch::Heartbeat told = report.heartbeat().value();
  EXPECT_EQ(dispatch::read_heartbeat(dispatch::to_json(told), "").value(), told);
  EXPECT_EQ(told.reserved.milli_cpus, 2000);
  EXPECT_TRUE(told.drained);
  EXPECT_EQ(told.seq, journal_->head());
  EXPECT_EQ(report.outline().value(), outline) << "none of this is told by another HELLO";
  EXPECT_THAT(outline.containers, IsEmpty());
}

}  // namespace
}  // namespace drover::jobs
