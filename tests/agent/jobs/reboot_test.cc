#include "agent/jobs/reconcile/reboot.h"

#include <gmock/gmock.h>
#include <sys/mount.h>

#include <cstring>

#include "agent/jobs/container_record.h"
#include "agent/jobs/queries/views.h"
#include "node_fixture.h"
#include "runtimes/volumes/mount_table.h"

namespace drover::jobs {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class RebootTest : public NodeFixture {
 protected:
  void SetUp() override {
    NodeFixture::SetUp();
    begin("boot 1");
    run(run_job("j1", "web-1"));
  }
  /// What an agent does first of all.
  void begin(const std::string& boot_id) {
    reboot_ = std::make_unique<Reboot>(*books_, *intake_, *node_, clock_);
    ASSERT_TRUE(reboot_->note(boot_id));
    ASSERT_TRUE(intake_->resume());
    ASSERT_TRUE(reboot_->start_again());
    books_->commit();
  }
  /// The machine goes down and comes up, and with it the agent.
  void reboot(const std::string& boot_id = "boot 2") {
    restart_agent();
    runtime_.reboot();
    published_.clear();
    begin(boot_id);
  }
  void restart_agent() {
    end_agent();
    start_agent();
  }
  /// As a job would have made it.
  void change(const std::function<void(ContainerRow&, ContainerRecord&)>& change) {
    ContainerRow changed = row();
    ContainerRecord record = container_record_from(changed.container).value();
    change(changed, record);
    changed.container = json::write(to_json(record));
    ASSERT_TRUE(journal_->put_container(changed));
    ASSERT_TRUE(journal_->commit());
  }
  void always() {
    change([](ContainerRow&, ContainerRecord& record) {
      record.container.spec.restart.when = RestartPolicy::When::always;
    });
  }
  void of_proxmox() {
    change([](ContainerRow& changed, ContainerRecord&) { changed.runtime = "pve-lxc"; });
  }
  void see(Status status) {
    runtimes::State state{status, 0, {}};
    if (status == Status::stopped) {
      state.exit = Exit{};
    }
    ASSERT_TRUE(reboot_->note_observed("web-1", state));
    books_->commit();
  }
  ContainerRow row() { return *journal_->container("web-1").value(); }
  /// Ends them all; those that were made since the reboot.
  std::vector<JobRow> jobs_since() {
    std::vector<JobRow> since;
    while (!journal_->unfinished().value().empty() || journal_->dirty()) {
      loop_->turn(std::chrono::seconds(60));
    }
    const std::vector<JobRow> all = journal_->jobs(100).value();
    for (const JobRow& job : all) {
      if (uuid7_time(job.id)) {
        since.push_back(job);
      }
    }
    return since;
  }

  std::unique_ptr<Reboot> reboot_;
};

TEST_F(RebootTest, WhatRanIsStoppedForThatReasonAndStaysSo) {
  reboot();
  EXPECT_EQ(row().status, Status::stopped);
  EXPECT_EQ(row().exit, (Exit{{}, false, 0, "reboot"}));
  EXPECT_THAT(told("container", "web-1"), ElementsAre("stopped"));
  EXPECT_THAT(json::write(json::Value(published_.front().data)),
              HasSubstr(R"("exit":{"code":null,"reason":"reboot"})"));
  const json::Value view(container_view(row(), layout_, true).value());
  EXPECT_EQ(view.at("exit").at("reason").string_or(""), "reboot");
  EXPECT_THAT(jobs_since(), IsEmpty());
  // The runtime, asked for it, knows less.
  see(Status::stopped);
  EXPECT_EQ(row().exit->reason, "reboot");
}

TEST_F(RebootTest, AnAgentThatStartsAgainInTheSameBootChangesNothing) {
  always();
  restart_agent();
  published_.clear();
  begin("boot 1");
  EXPECT_EQ(row().status, Status::running);
  EXPECT_THAT(published_, IsEmpty());
}

TEST_F(RebootTest, AJournalThatKnewNoBootLearnsItAndChangesNothing) {
  ASSERT_TRUE(journal_->set_fact("boot_id", ""));
  ASSERT_TRUE(journal_->commit());
  reboot();
  EXPECT_EQ(row().status, Status::running);
  reboot("boot 3");
  EXPECT_EQ(row().status, Status::stopped);
}

TEST_F(RebootTest, ThePolicyAlwaysStartsItAgain) {
  always();
  reboot();
  ASSERT_EQ(jobs_since().size(), 1U);
  EXPECT_EQ(jobs_since().front().state, JobState::succeeded) << jobs_since().front().result;
  EXPECT_EQ(row().status, Status::running);
  EXPECT_EQ(runtime_.starts("web-1"), 2);
  EXPECT_THAT(told("container", "web-1"), ElementsAre("stopped", "running"));
  const std::string job = jobs_since().front().id;
  EXPECT_EQ(told("job", job).front(), "accepted");
  const auto all = static_cast<std::int64_t>(journal_->steps(job).value().size());
  for (const Event& event : published_) {
    const json::Value data(event.data);
    if (event.what == "accepted") {
      EXPECT_EQ(data.at("by").string_or(""), "reboot");
    } else if (event.what == "step_started" && data.at("number").integer_or(0) > 1) {
      EXPECT_EQ(data.at("of").integer_or(0), all) << "with what the reboot has taken away";
    }
  }
}

TEST_F(RebootTest, OneThatSomebodyHadStoppedStaysAsItIs) {
  always();
  run(job("j2", "container.stop", "web-1"));
  const std::optional<Exit> exit = row().exit;
  reboot();
  EXPECT_THAT(published_, IsEmpty());
  EXPECT_EQ(row().exit, exit);
  EXPECT_THAT(jobs_since(), IsEmpty());
}

TEST_F(RebootTest, OneThatSomebodyHadOrderedToStopIsNotStartedAgain) {
  always();
  change([](ContainerRow& changed, ContainerRecord&) { changed.wanted = Wanted::stopped; });
  reboot();
  EXPECT_EQ(row().exit->reason, "reboot");
  EXPECT_THAT(jobs_since(), IsEmpty());
}

TEST_F(RebootTest, WhatItsMonitorHasWrittenIsTheTruth) {
  std::filesystem::create_directories(layout_.exits());
  ASSERT_TRUE(system::write_atomically(layout_.exits() / "web-1", "7"));
  reboot();
  EXPECT_EQ(row().exit->code, 7);
  EXPECT_EQ(row().exit->reason, "");
  EXPECT_GT(row().exit->at_unix_ms, 0);
}

TEST_F(RebootTest, APausedOneIsStoppedToo) {
  run(job("j2", "container.pause", "web-1"));
  reboot();
  EXPECT_EQ(row().status, Status::stopped);
}

TEST_F(RebootTest, OneThatWasOnlyCreatedIsCreatedStill) {
  json::Object request = run_job("j2", "web-2");
  request.set("verb", "container.create");
  run(request);
  reboot();
  EXPECT_THAT(told("container", "web-2"), IsEmpty());
}

TEST_F(RebootTest, AJobThatTheRebootCutOffDecides) {
  always();
  submit_held(job("j2", "container.stop", "web-1"), "stop", fakes::FakeRuntime::Hold::before_deed);
  reboot();
  EXPECT_EQ(await("j2").state, JobState::succeeded);
  EXPECT_THAT(jobs_since(), IsEmpty());
  EXPECT_EQ(row().status, Status::stopped);
}

/// Where the machine goes down, and whether the runtime remembers its containers then (lxc) or not
/// (runc, whose state lies in /run).
struct CutOff {
  const char* verb;
  fakes::FakeRuntime::Hold where;
  bool remembers;
};
class CutOffTest : public RebootTest, public testing::WithParamInterface<CutOff> {};

TEST_P(CutOffTest, ARunThatTheRebootCutOffEndsOnceAndTruly) {
  runtime_.set_capabilities({.restartable = GetParam().remembers});
  submit_held(run_job("j2", "web-2"), GetParam().verb, GetParam().where);
  end_agent();
  runtime_.reboot();
  if (!GetParam().remembers) {
    runtime_.forget("web-2");
  }
  start_agent();
  ASSERT_FALSE(is_final(journal_->job("j2").value()->state)) << "the machine cut it off";
  begin("boot 2");
  const JobRow job = await("j2");
  EXPECT_THAT(jobs_since(), IsEmpty());
  const std::vector<std::string> words = told("job", "j2");
  EXPECT_EQ(std::count_if(words.begin(), words.end(),
                          [](const std::string& what) {
                            const auto state = job_state_from(what);
                            return state && is_final(*state);
                          }),
            1);
  const auto made = journal_->container("web-2").value();
  if (job.state == JobState::succeeded) {
    ASSERT_TRUE(made) << job.result;
    // As the agent does when it is told that one runs.
    const runtimes::Container container = container_record_from(made->container).value().container;
    const runtimes::State live = runtime_.state(container, system::Stop()).value();
    ASSERT_TRUE(reboot_->note_observed("web-2", live));
    books_->commit();
    const bool was_ended = GetParam().remembers && GetParam().verb == std::string("start") &&
                           GetParam().where == fakes::FakeRuntime::Hold::after_deed;
    const ContainerRow now = *journal_->container("web-2").value();
    EXPECT_EQ(now.status, was_ended ? Status::stopped : Status::running);
    EXPECT_EQ(now.status, live.status);
    EXPECT_FALSE(now.exit && now.exit->code) << "nobody knows how it ended";
  } else {
    EXPECT_EQ(job.state, JobState::failed);
    EXPECT_FALSE(made) << job.result;
    EXPECT_TRUE(leaves_nothing("web-2")) << job.result;
  }
  reboot("boot 2");
  EXPECT_EQ(await("j2").attempt, job.attempt) << "it is not begun again";
}

INSTANTIATE_TEST_SUITE_P(
    Everywhere, CutOffTest,
    testing::Values(CutOff{"create", fakes::FakeRuntime::Hold::before_deed, false},
                    CutOff{"create", fakes::FakeRuntime::Hold::after_deed, false},
                    CutOff{"create", fakes::FakeRuntime::Hold::after_deed, true},
                    CutOff{"start", fakes::FakeRuntime::Hold::before_deed, false},
                    CutOff{"start", fakes::FakeRuntime::Hold::before_deed, true},
                    CutOff{"start", fakes::FakeRuntime::Hold::after_deed, false},
                    CutOff{"start", fakes::FakeRuntime::Hold::after_deed, true}));

TEST_F(RebootTest, WhatARunThatTheRebootCutOffHadMountedIsMountedAgain) {
  runtime_.hold_next("create", fakes::FakeRuntime::Hold::before_deed);
  json::Object request = run_job("j2", "web-2");
  request.find("spec")->object()->set(
      "volumes", json::Array{json::Object{{"name", "data"}, {"target", "/data"}}});
  submit(request);
  while (runtime_.held() == 0) {
    loop_->turn(std::chrono::milliseconds(10));
  }
  end_agent();
  const ContainerName name = *ContainerName::parse("web-2");
  const std::vector<std::filesystem::path> mounts = {
      layout_.volume_mount(name, "data"), layout_.rootfs(name), runtimes::Layout::netns(name)};
  for (const std::filesystem::path& mount : mounts) {
    ASSERT_EQ(umount2(mount.c_str(), MNT_DETACH), 0) << mount << ": " << std::strerror(errno);
  }
  start_agent();
  begin("boot 2");
  EXPECT_EQ(await("j2").state, JobState::succeeded);
  for (const std::filesystem::path& mount : mounts) {
    EXPECT_TRUE(runtimes::is_mounted(mount).value()) << mount;
  }
}

TEST_F(RebootTest, WhatAStartThatTheRebootCutOffHadFoundMountedIsMountedAgain) {
  runtime_.set_capabilities({.restartable = true});
  run(job("j2", "container.stop", "web-1"));
  submit_held(job("j3", "container.start", "web-1"), "start",
              fakes::FakeRuntime::Hold::before_deed);
  end_agent();
  const ContainerName name = *ContainerName::parse("web-1");
  ASSERT_EQ(umount2(layout_.rootfs(name).c_str(), MNT_DETACH), 0);
  ASSERT_EQ(umount2(runtimes::Layout::netns(name).c_str(), MNT_DETACH), 0);
  start_agent();
  begin("boot 2");
  EXPECT_EQ(await("j3").state, JobState::succeeded);
  EXPECT_TRUE(runtimes::is_mounted(layout_.rootfs(name)).value());
  EXPECT_TRUE(runtimes::is_mounted(runtimes::Layout::netns(name)).value());
}

TEST_F(RebootTest, ADrainedNodeStartsNothing) {
  always();
  run(job("d1", "node.drain", "pve1"));
  reboot();
  EXPECT_THAT(jobs_since(), IsEmpty());
  EXPECT_EQ(row().status, Status::stopped);
}

TEST_F(RebootTest, AGuestThatProxmoxHasStartedItselfRunsOn) {
  always();
  of_proxmox();
  reboot();
  EXPECT_EQ(row().status, Status::running);
  see(Status::running);
  EXPECT_THAT(published_, IsEmpty());
  // From now on its end is no longer the reboot's.
  see(Status::stopped);
  EXPECT_EQ(row().exit->reason, "");
  EXPECT_THAT(jobs_since(), IsEmpty());
}

TEST_F(RebootTest, AGuestThatIsFoundStoppedWasEndedByTheReboot) {
  of_proxmox();
  reboot();
  see(Status::stopped);
  EXPECT_EQ(row().exit, (Exit{{}, false, 0, "reboot"}));
  EXPECT_THAT(jobs_since(), IsEmpty());
}

TEST_F(RebootTest, AGuestIsStartedAgainAlsoWhenTheAgentEndsBeforeItHasLooked) {
  always();
  of_proxmox();
  reboot();
  restart_agent();
  begin("boot 2");
  see(Status::stopped);
  ASSERT_EQ(jobs_since().size(), 1U);
  EXPECT_EQ(jobs_since().front().target, "web-1");
}

}  // namespace
}  // namespace drover::jobs
