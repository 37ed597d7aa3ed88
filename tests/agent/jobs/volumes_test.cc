// Volumes that outlive containers, on real file systems of their own: who may have them, what is
// copied and grown, and what an agent's end leaves.
#include <gmock/gmock.h>
#include <sys/mount.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "agent/jobs/status_change.h"
#include "agent/system/child.h"
#include "agent/system/disk_space.h"
#include "runtimes/volumes/mount_table.h"
#include "volumes_fixture.h"

namespace drover::jobs {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// While it is there, e2fsck takes as long as on a large volume.
class SlowCheck {
 public:
  explicit SlowCheck(const std::filesystem::path& folder)
      : calls_(folder / "calls"), before_(getenv("PATH")) {
    std::filesystem::create_directories(folder);
    std::ofstream(folder / "e2fsck") << "#!/bin/sh\necho call >> " << calls_.native()
                                     << "\nsleep 0.5\nPATH=" << before_ << " exec e2fsck \"$@\"\n";
    std::filesystem::permissions(folder / "e2fsck", std::filesystem::perms::owner_all);
    setenv("PATH", (folder.native() + ":" + before_).c_str(), 1);
  }
  SlowCheck(const SlowCheck&) = delete;
  SlowCheck& operator=(const SlowCheck&) = delete;
  ~SlowCheck() { setenv("PATH", before_.c_str(), 1); }

  std::ptrdiff_t times() const {
    const std::string calls = system::read_file(calls_).value_or("");
    return std::count(calls.begin(), calls.end(), '\n');
  }

 private:
  std::filesystem::path calls_;
  std::string before_;
};

TEST_F(VolumesTest, AVolumeOutlivesTheContainersThatHaveIt) {
  for (const json::Object& options :
       {json::Object{}, json::Object{{"storage", "local-image"}, {"size_mib", std::int64_t{16}}}}) {
    const std::string id = options.empty() ? "folder" : "image";
    const JobRow row = create(id, id, options);
    ASSERT_EQ(row.state, JobState::succeeded) << row.result;
    EXPECT_THAT(told("volume", id), ElementsAre("created"));
    ASSERT_EQ(run(run_with(id + "-1", "web-1", id)).state, JobState::succeeded);
    EXPECT_TRUE(runtimes::is_mounted(data_of("web-1")).value());
    write("web-1", "kept\n");
    run(job(id + "-2", "container.delete", "web-1", {{"force", true}}));
    EXPECT_TRUE(std::filesystem::exists(made(id).path));
    ASSERT_EQ(run(run_with(id + "-3", "web-2", id)).state, JobState::succeeded);
    EXPECT_EQ(read("web-2"), "kept\n");
    const JobRow used = run(job(id + "-4", "volume.delete", id));
    EXPECT_THAT(used.result, HasSubstr("container web-2 has it"));
    run(job(id + "-5", "container.delete", "web-2", {{"force", true}}));
    ASSERT_EQ(run(job(id + "-6", "volume.delete", id)).state, JobState::succeeded);
    EXPECT_THAT(told("volume", id), ElementsAre("created", "deleted"));
    EXPECT_EQ(files(), 0U);
    EXPECT_FALSE(journal_->volume(id).value());
  }
}

TEST_F(VolumesTest, OneContainerAtATimeUnlessAllOnlyRead) {
  create_image("j1", "data");
  ASSERT_EQ(run(run_with("j2", "reads-1", "data", true)).state, JobState::succeeded);
  ASSERT_EQ(run(run_with("j3", "reads-2", "data", true)).state, JobState::succeeded);
  const JobRow row = run(run_with("j4", "writes", "data"));
  EXPECT_THAT(row.result, HasSubstr("belongs to container reads-1"));
  EXPECT_TRUE(!journal_->container("writes").value());
  const JobRow missing = run(run_with("j5", "writes", "nothing"));
  EXPECT_THAT(missing.result, HasSubstr("there is no volume nothing"));
}

TEST_F(VolumesTest, ThoseThatShareOneMountItOneAfterTheOther) {
  create_image("j1", "data");
  for (const char* name : {"reads-1", "reads-2"}) {
    ASSERT_EQ(run(run_with(name, name, "data", true)).state, JobState::succeeded);
    run(job(std::string("stop-") + name, "container.stop", name));
    ASSERT_TRUE(runtimes::unmount_volume(data_of(name), system::Stop()));  // as by a reboot
  }
  const SlowCheck check(folder_ / "bin");
  submit(job("j2", "container.start", "reads-1"));
  submit(job("j3", "container.start", "reads-2"));
  EXPECT_EQ(await("j2").state, JobState::succeeded);
  EXPECT_EQ(await("j3").state, JobState::succeeded);
  // The second one finds it mounted, and leaves it alone.
  EXPECT_EQ(check.times(), 1);
  const auto loops = system::run_ok({"losetup", "-j", made("data").path.native()}, system::Stop());
  EXPECT_EQ(std::count(loops->begin(), loops->end(), '\n'), 1) << *loops;
}

TEST_F(VolumesTest, ItsSizeIsKeptAndGrowsWithItsFileSystem) {
  create_image("j1", "data");
  run(run_with("j2", "web-1", "data"));
  write("web-1", "kept\n");
  EXPECT_LE(mib_of(data_of("web-1")), 16U);
  run(job("j4", "container.stop", "web-1"));
  const JobRow row = run(job("j5", "volume.resize", "data", {{"size_mib", std::int64_t{64}}}));
  ASSERT_EQ(row.state, JobState::succeeded) << row.result;
  EXPECT_FALSE(runtimes::is_mounted(data_of("web-1")).value());
  EXPECT_THAT(told("volume", "data"), ElementsAre("created", "resized"));
  ASSERT_EQ(run(job("j6", "container.start", "web-1")).state, JobState::succeeded);
  EXPECT_GT(mib_of(data_of("web-1")), 48U);
  EXPECT_EQ(read("web-1"), "kept\n");
  run(job("j7", "container.stop", "web-1"));
  EXPECT_THAT(run(job("j8", "volume.resize", "data", {{"size_mib", std::int64_t{32}}})).result,
              HasSubstr("volumes only grow"));
  EXPECT_EQ(journal_->volume("data").value()->busy, "");
}

TEST_F(VolumesTest, TheVolumeOfOneThatEndedByItselfIsAtRest) {
  create("j1", "data", json::Object{});
  run(run_with("j2", "web-1", "data"));
  runtime_.end("web-1", 0);
  ASSERT_TRUE(note_observed(*books_, "web-1", runtimes::State{Status::stopped, 0, Exit{0}}));
  EXPECT_EQ(run(job("j3", "volume.snapshot", "data", {{"snapshot", "copy"}})).state,
            JobState::succeeded);
}

TEST_F(VolumesTest, ASnapshotIsAVolumeOfItsOwn) {
  for (const json::Object& options :
       {json::Object{}, json::Object{{"storage", "local-image"}, {"size_mib", std::int64_t{16}}}}) {
    const std::string id = options.empty() ? "folder" : "image";
    create(id, id, options);
    run(run_with(id + "-1", "web-1", id));
    write("web-1", "before\n");
    run(job(id + "-2", "container.stop", "web-1"));
    const JobRow row = run(job(id + "-3", "volume.snapshot", id, {{"snapshot", id + "-copy"}}));
    ASSERT_EQ(row.state, JobState::succeeded) << row.result;
    EXPECT_EQ(journal_->volume(id + "-copy").value()->origin, id);
    run(job(id + "-4", "container.start", "web-1"));
    write("web-1", "after\n");
    ASSERT_EQ(run(run_with(id + "-5", "web-2", id + "-copy")).state, JobState::succeeded);
    EXPECT_EQ(read("web-2"), "before\n");
    EXPECT_EQ(read("web-1"), "after\n");
    for (const char* name : {"web-1", "web-2"}) {
      run(job(id + name, "container.delete", name, {{"force", true}}));
    }
    run(job(id + "-6", "volume.delete", id));
    run(job(id + "-7", "volume.delete", id + "-copy"));
    EXPECT_EQ(files(), 0U);
  }
}

TEST_F(VolumesTest, ACopyOfAFolderThatIsTooLargeLeavesTheDiskToOthersAndNothingBehind) {
  std::filesystem::create_directories(layout_.local_volumes());
  ASSERT_EQ(mount("tmpfs", layout_.local_volumes().c_str(), "tmpfs", 0, "size=16m"), 0);
  create("j1", "data", json::Object{});
  std::ofstream(made("data").path / "large") << std::string(std::size_t{10} << 20U, 'x');
  const std::uint64_t free = system::disk_space(layout_.local_volumes())->free;
  json::Object copy = job("j2", "volume.snapshot", "data", {{"snapshot", "copy"}});
  copy.set("attempts", 1);
  const JobRow row = run(copy);
  EXPECT_EQ(row.state, JobState::failed);
  EXPECT_THAT(row.result, HasSubstr("no room for it: 1 MiB"));
  EXPECT_FALSE(journal_->volume("copy").value());
  EXPECT_EQ(files(), 1U);
  EXPECT_EQ(system::disk_space(layout_.local_volumes())->free, free);
  EXPECT_EQ(umount2(layout_.local_volumes().c_str(), MNT_DETACH), 0);
}

TEST_F(VolumesTest, NoContainerBeginsToUseWhatAJobWorksOn) {
  create_image("j1", "data");
  run(run_with("j2", "web-1", "data"));
  run(job("j3", "container.stop", "web-1"));
  VolumeRow row = *journal_->volume("data").value();
  row.busy = "another";
  ASSERT_TRUE(journal_->put_volume(row));
  json::Object start = job("j4", "container.start", "web-1");
  start.set("attempts", 1);
  EXPECT_THAT(run(start).result, HasSubstr("job another works on volume data"));
  json::Object remove = job("j5", "volume.delete", "data");
  remove.set("attempts", 1);
  EXPECT_EQ(run(remove).state, JobState::failed);
  EXPECT_EQ(journal_->volume("data").value()->busy, "another");
  row.busy.clear();
  ASSERT_TRUE(journal_->put_volume(row));
  EXPECT_EQ(run(job("j6", "container.start", "web-1")).state, JobState::succeeded);
}

TEST_F(VolumesTest, WhatAStorageCannotDoIsRefusedBeforeItIsAccepted) {
  create("j1", "folder", {});
  const auto answer = [&](const json::Object& request) {
    return json::write(submit(request).body);
  };
  EXPECT_THAT(answer(job("j2", "volume.resize", "folder", {{"size_mib", std::int64_t{64}}})),
              HasSubstr("a folder has no size"));
  EXPECT_THAT(answer(job("j3", "volume.create", "sized", {{"storage", "local-image"}})),
              HasSubstr("size_mib"));
  EXPECT_THAT(answer(job("j4", "volume.create", "far",
                         {{"storage", "local-lvm"}, {"size_mib", std::int64_t{64}}})),
              HasSubstr("no section proxmox"));
}

TEST_F(VolumesTest, ASizeThatAFolderWouldNotKeepIsRefused) {
  const auto answer = [&](const json::Object& request) {
    return json::write(submit(request).body);
  };
  const auto run_with_own = [&](json::Object volume) {
    json::Object request = run_job("j1", "web-1");
    request.find("spec")->object()->set("volumes", json::Array{std::move(volume)});
    return request;
  };
  const std::int64_t size = 16;
  EXPECT_THAT(answer(job("j1", "volume.create", "data", {{"size_mib", size}})),
              testing::AllOf(HasSubstr("refused"), HasSubstr("storage local-image, which does")));
  EXPECT_THAT(answer(run_with_own({{"name", "data"}, {"target", "/data"}, {"size_mib", size}})),
              HasSubstr("container web-1, volume data: a folder keeps to no size"));
  EXPECT_THAT(
      answer(run_with_own({{"name", "data"}, {"target", "/data"}, {"storage", "local-image"}})),
      HasSubstr("give a size"));
  EXPECT_EQ(run(run_with_own({{"name", "data"}, {"target", "/data"}})).state, JobState::succeeded);
}

TEST_F(VolumesTest, AnInterruptedCreateIsGoneOnWithByTheNextAgent) {
  create_image("j1", "data");
  cut_off("j1", "data");
  restart_agent();
  EXPECT_EQ(await("j1").state, JobState::succeeded);
  EXPECT_EQ(journal_->volume("data").value()->busy, "");
  EXPECT_EQ(run(run_with("j2", "web-1", "data")).state, JobState::succeeded);
  EXPECT_EQ(files(), 1U);
}

TEST_F(VolumesTest, ACancelledCreateLeavesNothing) {
  create_image("j1", "data");
  cut_off("j1", "data");
  ASSERT_TRUE(journal_->ask_to_end("j1", "cancelled"));
  ASSERT_TRUE(journal_->commit());
  restart_agent();
  EXPECT_EQ(await("j1").state, JobState::cancelled);
  EXPECT_FALSE(journal_->volume("data").value());
  EXPECT_EQ(files(), 0U);
}

TEST_F(VolumesTest, ASnapshotDeletedBeforeItsJobCouldSayThatItIsMadeStaysDeleted) {
  create_image("j1", "data");
  ASSERT_EQ(run(job("j2", "volume.snapshot", "data", {{"snapshot", "copy"}})).state,
            JobState::succeeded);
  const std::string made_id = made("copy").id;
  run(job("j3", "volume.delete", "copy"));
  create_image("j4", "copy");  // another of its name
  const std::string other_id = made("copy").id;
  ASSERT_TRUE(journal_->set_job("j2", JobState::running, "null", 0));
  ASSERT_TRUE(journal_->begin_job("j2"));
  ASSERT_TRUE(journal_->commit());
  restart_agent();
  const JobRow row = await("j2");
  EXPECT_EQ(row.state, JobState::succeeded) << row.result;
  EXPECT_THAT(row.result, HasSubstr(made_id));
  EXPECT_EQ(made("copy").id, other_id);
  EXPECT_EQ(journal_->volume("copy").value()->job, "j4");
  EXPECT_EQ(files(), 2U);
}

TEST_F(VolumesTest, AnInterruptedSnapshotIsDoneAnewAndACancelledOneTakenBack) {
  create_image("j1", "data");
  for (const bool cancelled : {false, true}) {
    const std::string id = cancelled ? "j3" : "j2";
    run(job(id, "volume.snapshot", "data", {{"snapshot", id}}));
    cut_off(id, id);
    take_up_copy(id, cancelled);
    EXPECT_EQ(journal_->volume("data").value()->busy, "");
    EXPECT_EQ(journal_->volume(id).value().has_value(), !cancelled);
    EXPECT_EQ(files(), 2U);
  }
}

}  // namespace
}  // namespace drover::jobs
