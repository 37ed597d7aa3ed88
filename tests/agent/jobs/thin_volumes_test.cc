// Volumes of a thin pool, under containers.
#include "runtimes/volumes/thin_volumes.h"

#include <gmock/gmock.h>
#include <sys/mount.h>

#include <fstream>

#include "agent/jobs/queries/queries.h"
#include "agent/jobs/queries/spec_query.h"
#include "fakes/thin_group.h"
#include "runtimes/volumes/mount_table.h"
#include "volumes_fixture.h"

namespace drover::jobs {
namespace {

using testing::HasSubstr;

class ThinVolumesJobsTest : public VolumesTest {
 protected:
  void SetUp() override {
    VolumesTest::SetUp();
    std::filesystem::create_directories(layout_.local_volumes());
    node_->other_volumes = {{"local-thin", &thin_}};
  }
  void TearDown() override {
    VolumesTest::TearDown();
    umount2(data_of("web-1").c_str(), 0);
    umount2(data_of("web-2").c_str(), 0);
  }
  json::Object creation(const std::string& id, const std::string& name) {
    return job(id, "volume.create", name,
               {{"storage", "local-thin"}, {"size_mib", std::int64_t{16}}});
  }
  std::size_t volumes() { return thin_.inventory(system::Stop()).value().volumes.size(); }
  void expect_told_full(const Answer& answer) {
    EXPECT_EQ(answer.kind, "error");
    EXPECT_EQ(answer.body.at("code").string_or(""), "unavailable") << json::write(answer.body);
    EXPECT_THAT(json::write(answer.body), HasSubstr(group_.name() + "/data is full"));
  }

  fakes::ThinGroup group_;
  runtimes::ThinVolumes thin_{group_.name(), fakes::ThinGroup::pool(), clock_};
};

TEST_F(ThinVolumesJobsTest, OneIsCopiedWhileItsContainerWritesGrowsAndIsThereAfterAReboot) {
  ASSERT_EQ(run(creation("j1", "data")).state, JobState::succeeded);
  ASSERT_EQ(run(run_with("j2", "web-1", "data")).state, JobState::succeeded);
  std::ofstream open_file(data_of("web-1") / "text");
  open_file << "before" << std::flush;
  const JobRow copied = run(job("j3", "volume.snapshot", "data", {{"snapshot", "copy"}}));
  ASSERT_EQ(copied.state, JobState::succeeded) << copied.result;
  open_file << " and after" << std::flush;
  ASSERT_EQ(run(run_with("j4", "web-2", "copy")).state, JobState::succeeded);
  EXPECT_EQ(read("web-1"), "before and after");
  EXPECT_EQ(read("web-2"), "before");
  open_file.close();
  EXPECT_THAT(run(job("j5", "volume.delete", "data")).result, HasSubstr("web-1"));
  run(job("j6", "container.delete", "web-2", {{"force", true}}));
  run(job("j7", "container.stop", "web-1"));
  const JobRow grown = run(job("j8", "volume.resize", "data", {{"size_mib", std::int64_t{61}}}));
  ASSERT_EQ(grown.state, JobState::succeeded) << grown.result;
  EXPECT_EQ(journal_->volume("data").value()->size_mib, 64U);
  group_.deactivate_all();
  ASSERT_EQ(run(job("j9", "container.start", "web-1")).state, JobState::succeeded);
  EXPECT_EQ(read("web-1"), "before and after");
  EXPECT_GT(mib_of(data_of("web-1")), 48U);
  run(job("j10", "container.delete", "web-1", {{"force", true}}));
  for (const char* name : {"data", "copy"}) {
    EXPECT_EQ(run(job(std::string("rm-") + name, "volume.delete", name)).state,
              JobState::succeeded);
  }
  EXPECT_EQ(volumes(), 0U);
}

TEST_F(ThinVolumesJobsTest, ACopyThatWasCutOffIsMadeAnewAndACancelledOneTakenBack) {
  run(creation("j1", "data"));
  expect_copies_taken_up(thin_, [this] { return volumes(); });
}

TEST_F(ThinVolumesJobsTest, AFullPoolIsToldBeforeAJobIsAccepted) {
  ASSERT_EQ(run(creation("j1", "data")).state, JobState::succeeded);
  group_.fill();
  EXPECT_EQ(volumes(), 1U);  // the look by which it is noticed
  expect_told_full(submit(creation("j2", "more")));
  expect_told_full(submit(job("j3", "volume.snapshot", "data", {{"snapshot", "copy"}})));
  expect_told_full(submit(job("j4", "volume.resize", "data", {{"size_mib", std::int64_t{64}}})));
  json::Object request = run_job("j5", "web-1");
  const json::Object own{{"name", "own"},
                         {"target", "/own"},
                         {"storage", "local-thin"},
                         {"size_mib", std::int64_t{16}}};
  request.find("spec")->object()->set("volumes", json::Array{own});
  expect_told_full(submit(request));
  // As drover explain and drover storage ls show it.
  const auto reading = spec_reading(
      *journal_, *node_, json::Object{{"name", "web-1"}, {"spec", *request.find("spec")}});
  ASSERT_TRUE(reading) << to_text(reading.error());
  EXPECT_THAT(json::write((*reading)(system::Stop()).value()), HasSubstr("/data is full"));
  const json::Value storages = Queries(*journal_, *supervisor_, *node_, *disk_)
                                   .answer("query.storages", json::Object{})
                                   .value();
  const json::Value& storage = storages.at("storages").array()->back();
  EXPECT_EQ(storage.at("name").string_or(""), "local-thin");
  EXPECT_EQ(storage.at("kind").string_or(""), "block");
  EXPECT_EQ(storage.at("free").integer_or(-1), 0);
  EXPECT_EQ(storage.at("total").integer_or(0), 256 << 20);
  EXPECT_TRUE(storage.at("snapshots").boolean_or(false));
  EXPECT_THAT(std::string(storage.at("message").string_or("")), HasSubstr("/data is full"));
  group_.make_room();
  EXPECT_EQ(volumes(), 1U);
  EXPECT_EQ(run(creation("j6", "more")).state, JobState::succeeded);
  const JobRow ran = run(request);
  ASSERT_EQ(ran.state, JobState::succeeded) << ran.result;
  EXPECT_EQ(volumes(), 3U);
  EXPECT_EQ(run(job("j7", "container.delete", "web-1", {{"force", true}})).state,
            JobState::succeeded);
  EXPECT_EQ(volumes(), 2U) << "it goes with its container";
}

TEST_F(ThinVolumesJobsTest, ANodeWithoutAPoolSaysSo) {
  runtimes::ThinVolumes none("", "", clock_);
  node_->other_volumes = {{"local-thin", &none}};
  const Answer refused = submit(creation("j1", "data"));
  EXPECT_EQ(refused.body.at("code").string_or(""), "refused");
  EXPECT_THAT(json::write(refused.body), HasSubstr("storage.thin_pool"));
}

}  // namespace
}  // namespace drover::jobs
