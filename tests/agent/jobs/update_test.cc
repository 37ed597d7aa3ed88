// container.update: other limits for a container that is there, and what a runtime cannot do at
// all.
#include <gmock/gmock.h>

#include "agent/jobs/container_record.h"
#include "agent/jobs/queries/views.h"
#include "node_fixture.h"

namespace drover::jobs {
namespace {

using testing::Contains;
using testing::HasSubstr;

class UpdateTest : public NodeFixture {
 protected:
  json::Object update(const std::string& id, json::Object resources) {
    return job(id, "container.update", "web-1", {{"resources", std::move(resources)}});
  }
  json::Object grow(const std::string& id, json::Object more) {
    return job(id, "container.update", "web-1", std::move(more));
  }
  /// Whose runtime can grow its disks.
  void have_container_with_volume() {
    runtime_.set_capabilities({.restartable = true, .provisions_itself = true, .no_growth = ""});
    json::Object request = run_job("j1", "web-1");
    request.find("spec")->object()->set(
        "volumes", json::Array{json::Object{{"name", "data"}, {"target", "/data"}}});
    ASSERT_EQ(run(request).state, JobState::succeeded);
  }
  ContainerSpec spec() {
    const ContainerRow row = *journal_->container("web-1").value();
    return container_record_from(row.container).value().container.spec;
  }
  Resources recorded() { return spec().resources; }
};

TEST_F(UpdateTest, WhatIsNamedChangesAndTheRestStays) {
  json::Object request = run_job("j1", "web-1");
  request.find("spec")->object()->set(
      "resources", json::Object{{"memory_mib", std::int64_t{64}}, {"cpus", 2.0}});
  run(request);
  const JobRow row = run(update("j2", {{"memory_mib", std::int64_t{128}}}));
  ASSERT_EQ(row.state, JobState::succeeded) << row.result;
  const Resources expected{128, 2.0, 0};
  EXPECT_EQ(runtime_.limits("web-1"), expected);
  EXPECT_EQ(recorded(), expected);
  EXPECT_THAT(told("container", "web-1"), Contains("updated"));
}

TEST_F(UpdateTest, EveryLimitChangesByItself) {
  json::Object request = run_job("j1", "web-1");
  const auto limits = [](const char* text) { return *json::parse(text).value().object(); };
  request.find("spec")->object()->set("resources", limits(R"({"swap_mib":8,"cpuset":"0",
      "cpu_shares":512,"io":{"weight":100,"devices":[{"path":"/dev/sda","read_bps":1}]},
      "hugetlb_mib":{"2MB":64}})"));
  run(request);
  run(update("j2", limits(R"({"cpuset":"1","io":{"devices":[{"path":"/dev/sda","write_bps":2}]},
      "hugetlb_mib":{"1GB":1024}})")));
  EXPECT_EQ(json::write(to_json(recorded())),
            R"({"swap_mib":8,"cpuset":"1","cpu_shares":512,"io":{"weight":100,"devices":)"
            R"([{"path":"/dev/sda","read_bps":1,"write_bps":2}]},)"
            R"("hugetlb_mib":{"1GB":1024,"2MB":64}})");
  run(update("j3", limits(R"({"swap_mib":16,"cpu_shares":2})")));
  EXPECT_EQ(recorded().swap_mib, 16U);
  EXPECT_EQ(recorded().cpu_shares, 2U);
  EXPECT_EQ(runtime_.limits("web-1"), recorded());
}

TEST_F(UpdateTest, TheLimitsHoldAfterTheNextStart) {
  run(run_job("j1", "web-1"));
  run(update("j2", {{"pids", std::int64_t{50}}}));
  run(job("j3", "container.restart", "web-1"));
  EXPECT_EQ(recorded(), (Resources{0, 0, 50}));
}

TEST_F(UpdateTest, AFailureIsToldAndTheOldLimitsAreSetAgain) {
  run(run_job("j1", "web-1"));
  run(update("j2", {{"memory_mib", std::int64_t{64}}}));
  runtime_.fail_next("update", Error{Code::conflict, "its programs hold 50 MiB now", {}});
  const JobRow row = run(update("j3", {{"memory_mib", std::int64_t{16}}}));
  EXPECT_EQ(row.state, JobState::failed);
  EXPECT_THAT(row.result, HasSubstr("hold 50 MiB"));
  const Resources old{64, 0, 0};
  EXPECT_EQ(runtime_.limits("web-1"), old);
  EXPECT_EQ(recorded(), old);
}

TEST_F(UpdateTest, AnInterruptedUpdateIsDoneByTheNextAgent) {
  run(run_job("j1", "web-1"));
  submit_held(update("j2", {{"memory_mib", std::int64_t{64}}}), "update",
              fakes::FakeRuntime::Hold::after_deed);
  end_agent();
  start_agent();
  ASSERT_TRUE(intake_->resume());
  EXPECT_EQ(await("j2").state, JobState::succeeded);
  EXPECT_EQ(recorded(), (Resources{64, 0, 0}));
}

TEST_F(UpdateTest, ACancelledOneGivesTheOldLimitsAgain) {
  run(run_job("j1", "web-1"));
  run(update("j2", {{"memory_mib", std::int64_t{64}}}));
  submit_held(update("j3", {{"memory_mib", std::int64_t{256}}}), "update",
              fakes::FakeRuntime::Hold::after_deed);
  submit(job("j4", "job.cancel", "j3"));
  EXPECT_EQ(await("j3").state, JobState::cancelled);
  EXPECT_EQ(runtime_.limits("web-1"), (Resources{64, 0, 0}));
  EXPECT_THAT(told("job", "j3"), Contains("step_undone"));
}

TEST_F(UpdateTest, DisksGrowAndTheBooksSayIt) {
  have_container_with_volume();
  const JobRow row = run(grow("j2", {{"resources", json::Object{{"disk_mib", std::int64_t{2048}}}},
                                     {"volumes", json::Object{{"data", std::int64_t{128}}}}}));
  ASSERT_EQ(row.state, JobState::succeeded) << row.result;
  EXPECT_EQ(recorded().disk_mib, 2048U);
  EXPECT_EQ(spec().volumes.at(0).size_mib, 128U);
  EXPECT_FALSE(runtime_.limits("web-1")) << "no limit was named";
  const json::Value result = json::parse(row.result).value();
  EXPECT_EQ(result.at("resources").at("disk_mib").integer_or(0), 2048);
  EXPECT_EQ(result.at("volumes").at("data").integer_or(0), 128);
  EXPECT_THAT(told("container", "web-1"), Contains("updated").Times(2));
}

TEST_F(UpdateTest, WhatDisksCannotBecomeIsRefusedBeforeTheJobIsAccepted) {
  const auto why = [this](const char* id, json::Object options) {
    const Answer answer = submit(grow(id, std::move(options)));
    EXPECT_FALSE(journal_->job(id).value()) << id;
    return json::write(answer.body);
  };
  have_container_with_volume();
  run(grow("j0", {{"volumes", json::Object{{"data", std::int64_t{64}}}}}));
  EXPECT_THAT(why("j2", {{"volumes", json::Object{{"data", std::int64_t{63}}}}}),
              HasSubstr("volume data has 64 MiB, and disks only grow"));
  EXPECT_THAT(why("j3", {{"volumes", json::Object{{"date", std::int64_t{99}}}}}),
              HasSubstr("no volume date of its own; it has data"));
  run(grow("j4", {{"resources", json::Object{{"disk_mib", std::int64_t{512}}}}}));
  EXPECT_THAT(why("j5", {{"resources", json::Object{{"disk_mib", std::int64_t{511}}}}}),
              HasSubstr("the root disk has 512 MiB"));
  runtime_.set_capabilities({.provisions_itself = true, .no_growth = "it is only a fake"});
  EXPECT_THAT(why("j6", {{"volumes", json::Object{{"data", std::int64_t{99}}}}}),
              HasSubstr("do not grow: it is only a fake"));
  runtime_.set_capabilities({.no_growth = "it is only a fake"});
  EXPECT_THAT(why("j7", {{"resources", json::Object{{"disk_mib", std::int64_t{9999}}}}}),
              HasSubstr("root disks of runtime runc do not grow: it is only a fake"));
}

TEST_F(UpdateTest, WhatHoldsAfterTheNextStartOnlyIsShownUntilThen) {
  runtime_.set_capabilities({.restartable = true});
  run(run_job("j1", "web-1"));
  const auto shown = [this] {
    const json::Value view =
        container_view(*journal_->container("web-1").value(), layout_, true).value();
    return json::write(view.at("pending"));
  };
  EXPECT_EQ(shown(), "null");
  runtime_.set_pending({"features", "swap"});
  EXPECT_THAT(run(update("j2", {{"pids", std::int64_t{50}}})).result, HasSubstr("features"));
  EXPECT_EQ(shown(), R"(["features","swap"])");
  run(job("j3", "container.restart", "web-1"));
  EXPECT_EQ(shown(), "null");
  runtime_.set_pending({});
  run(update("j4", {{"pids", std::int64_t{60}}}));
  EXPECT_EQ(shown(), "null");
}

TEST_F(UpdateTest, AnInterruptedGrowthIsFinishedByTheNextAgent) {
  have_container_with_volume();
  submit_held(grow("j2", {{"volumes", json::Object{{"data", std::int64_t{128}}}}}), "grow",
              fakes::FakeRuntime::Hold::after_deed);
  end_agent();
  start_agent();
  ASSERT_TRUE(intake_->resume());
  EXPECT_EQ(await("j2").state, JobState::succeeded);
  EXPECT_EQ(spec().volumes.at(0).size_mib, 128U);
}

TEST_F(UpdateTest, OfAnInterruptedGrowthItIsToldThatTheFileSystemHasNotGrown) {
  have_container_with_volume();
  submit_held(grow("j2", {{"volumes", json::Object{{"data", std::int64_t{128}}}}}), "grow",
              fakes::FakeRuntime::Hold::after_deed);
  end_agent();
  runtime_.fail_next("check_grown", Error{Code::broken, "its file system is as it was", {}});
  start_agent();
  ASSERT_TRUE(intake_->resume());
  const JobRow row = await("j2");
  EXPECT_EQ(row.state, JobState::failed);
  EXPECT_THAT(row.result, HasSubstr("its file system is as it was"));
  EXPECT_EQ(spec().volumes.at(0).size_mib, 128U) << "it is that large all the same";
}

TEST_F(UpdateTest, OfOneThatFailsLimitsAreTakenBackAndWhatHasGrownIsWrittenDown) {
  have_container_with_volume();
  run(update("j2", {{"memory_mib", std::int64_t{64}}}));
  runtime_.fail_next("disk_sizes", Error{Code::broken, "disk sizes are not to be had", {}});
  const JobRow row = run(grow("j3", {{"resources", json::Object{{"memory_mib", std::int64_t{128}}}},
                                     {"volumes", json::Object{{"data", std::int64_t{256}}}}}));
  EXPECT_EQ(row.state, JobState::failed);
  EXPECT_EQ(recorded().memory_mib, 64U);
  EXPECT_EQ(runtime_.limits("web-1"), (Resources{64, 0, 0}));
  EXPECT_EQ(spec().volumes.at(0).size_mib, 256U);
}

TEST_F(UpdateTest, WhatARuntimeCannotDoIsRefusedBeforeItIsAcceptedWithWhy) {
  runtime_.set_capabilities({.no_checkpoints = "it is only a fake"});
  run(run_job("j1", "web-1"));
  for (const char* verb : {"container.checkpoint", "container.restore"}) {
    const Answer answer = submit(job(verb, verb, "web-1"));
    EXPECT_EQ(answer.kind, "error");
    EXPECT_THAT(json::write(answer.body), HasSubstr("\"refused\""));
    EXPECT_THAT(json::write(answer.body), HasSubstr("it is only a fake"));
    EXPECT_FALSE(journal_->job(verb).value());
  }
  EXPECT_THAT(run(job("j2", "container.checkpoint", "nobody")).result, HasSubstr("not_found"));
}

}  // namespace
}  // namespace drover::jobs
