// A node whose journal is lost: what runs runs on, and is known again.
#include "agent/jobs/reconcile/rebuild.h"

#include <gmock/gmock.h>

#include <fstream>

#include "agent/jobs/container_record.h"
#include "agent/jobs/journal/journal_check.h"
#include "agent/jobs/journal/sealed_record.h"
#include "agent/jobs/reconcile/reboot.h"
#include "agent/jobs/status_change.h"
#include "fakes/fake_proxmox.h"
#include "rebuild_fixture.h"
#include "runtimes/guest/guest_runtime.h"

namespace drover::jobs {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST_F(Rebuild, ContainersAreKnownAgainAndCanBeStoppedStartedAndDeleted) {
  runtime_.set_capabilities({.restartable = true});
  run(run_with_volume("j1", "web-1"));
  run(run_job("j2", "web-2"));
  run(job("j3", "container.stop", "web-2"));
  lose_journal();

  EXPECT_EQ(runtime_.starts("web-1"), 1) << "what runs is not touched";
  const auto first = journal_->container("web-1").value();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->status, Status::running);
  EXPECT_EQ(first->wanted, Wanted::running);
  const auto second = journal_->container("web-2").value();
  ASSERT_TRUE(second);
  EXPECT_EQ(second->status, Status::stopped);
  EXPECT_EQ(second->exit->code, 128 + 15);
  EXPECT_EQ(second->wanted, Wanted::stopped);

  const json::Value event = told_of_the_node();
  EXPECT_EQ(event.at("file").string_or(""), file_.native());
  EXPECT_EQ(event.at("containers").integer_or(0), 2);
  EXPECT_THAT(std::string(event.at("message").string_or("")), HasSubstr("not a database"));
  EXPECT_THAT(told("container", "web-1"), ElementsAre("running"));
  EXPECT_THAT(check_journal(layout_.journal()).value().faults, IsEmpty());

  EXPECT_EQ(run(job("k1", "container.start", "web-2")).state, JobState::succeeded);
  EXPECT_EQ(run(job("k2", "container.stop", "web-1")).state, JobState::succeeded);
  EXPECT_EQ(run(job("k3", "container.delete", "web-1")).state, JobState::succeeded);
  json::Object force{{"force", true}};
  EXPECT_EQ(run(job("k4", "container.delete", "web-2", force)).state, JobState::succeeded);
  EXPECT_TRUE(leaves_nothing("web-1"));
  EXPECT_TRUE(leaves_nothing("web-2"));
}

TEST_F(Rebuild, AJobWhoseContainerIsThereIsNotDoneAgain) {
  run(run_job("j1", "web-1"));
  lose_journal();
  const Answer again = submit(run_job("j1", "web-1"));
  EXPECT_EQ(again.kind, "job.accepted");
  EXPECT_TRUE(again.body.at("duplicate").boolean_or(false));
  EXPECT_EQ(submit(run_job("j1", "web-9")).body.at("code").string_or(""), "conflict");
}

TEST_F(Rebuild, AnIdOfBeforeIsExpired) {
  const std::string before = make_uuid7(static_cast<std::uint64_t>(clock_.unix_ms()));
  run(job(before, "container.stop", "nobody"));
  clock_.advance(std::chrono::seconds(1));
  lose_journal();
  const Answer again = submit(job(before, "container.stop", "nobody"));
  EXPECT_EQ(again.body.at("code").string_or(""), "refused");
  EXPECT_THAT(std::string(again.body.at("message").string_or("")), HasSubstr("lost its journal"));
  const std::string after = make_uuid7(static_cast<std::uint64_t>(clock_.unix_ms() + 1));
  EXPECT_EQ(submit(job(after, "container.stop", "nobody")).kind, "job.accepted");
  await(after);
}

TEST_F(Rebuild, ADeletedOneIsNotBroughtBack) {
  run(run_job("j1", "web-1"));
  run(run_job("j2", "web-2"));
  records_.reset();
  const std::string record =
      system::read_file(layout_.record(*ContainerName::parse("web-1"))).value();
  keep_records();
  run(job("j3", "container.delete", "web-1", {{"force", true}}));
  records_.reset();
  // Killed before its record went.
  ASSERT_TRUE(
      system::write_atomically(layout_.record(*ContainerName::parse("web-1")), record, 0600));
  lose_journal();
  EXPECT_FALSE(journal_->container("web-1").value());
  EXPECT_TRUE(journal_->container("web-2").value());
  records_.reset();
  EXPECT_FALSE(std::filesystem::exists(layout_.record(*ContainerName::parse("web-1"))));
}

// A guest of Proxmox has no folder of ours: its runtime alone knows whether it is there.
TEST_F(Rebuild, OfAGuestItsRuntimeKnowsWhetherItIsThere) {
  runtime_.set_capabilities({.restartable = true, .provisions_itself = true});
  run(run_job("j1", "web-1"));
  run(run_job("j2", "web-2"));
  ASSERT_TRUE(remove_by_hand("web-1", "j1"));
  lose_journal();
  EXPECT_FALSE(journal_->container("web-1").value());
  EXPECT_EQ(journal_->container("web-2").value()->status, Status::running);
}

TEST_F(Rebuild, AnotherGuestOfItsNameDoesNotHideIt) {
  fakes::FakeProxmox api{folder_ / "pve"};
  runtimes::GuestRuntime guests{api, clock_, runtimes::GuestOptions{}};
  node_->runtimes[RuntimeKind::pve_lxc] = &guests;
  for (const auto& [vmid, id] : {std::pair(900'001U, "j0"), {900'002U, "j1"}, {900'003U, "j2"}}) {
    api.guests[vmid].config = {{"hostname", "web-1"}, {"tags", fmt::format("drover;job-{}", id)}};
  }
  ContainerRecord record{{*ContainerName::parse("web-1"),
                          *JobId::parse("j1"),
                          RuntimeKind::pve_lxc,
                          {},
                          {},
                          {},
                          {},
                          {},
                          {}},
                         {},
                         {},
                         {}};
  ASSERT_TRUE(journal_->add_job({"j1", "container.run", "web-1", "{}", JobState::succeeded, "null",
                                 clock_.unix_ms(), clock_.unix_ms()}));
  ASSERT_TRUE(journal_->put_container({"web-1",
                                       "pve-lxc",
                                       "j1",
                                       json::write(to_json(record)),
                                       Status::created,
                                       {},
                                       clock_.unix_ms()}));
  books_->commit();
  lose_journal();
  const auto row = journal_->container("web-1").value();
  ASSERT_TRUE(row);
  EXPECT_EQ(row->job, "j1");
  EXPECT_EQ(told_of_the_node().at("without_record").array()->size(), 0U);
}

TEST_F(Rebuild, OneWhoseRuntimeDoesNotAnswerIsUnknownUntilItDoes) {
  runtime_.set_capabilities({.restartable = true, .provisions_itself = true});
  run(run_job("j1", "web-1"));
  runtime_.fail_next("inventory", {Code::unavailable, "the API is not up yet", {}});
  lose_journal();
  EXPECT_EQ(journal_->container("web-1").value()->status, Status::unknown);
  ASSERT_TRUE(note_observed(*books_, "web-1", runtimes::State{Status::running, 1, {}}));
  EXPECT_EQ(journal_->container("web-1").value()->status, Status::running);
}

TEST_F(Rebuild, ADamagedRecordIsNamedAndItsContainerIsKnownByItsStamp) {
  run(run_with_volume("j1", "web-1"));
  run(run_job("j2", "web-2"));
  records_.reset();
  const auto path = layout_.record(*ContainerName::parse("web-1"));
  std::string text = system::read_file(path).value();
  text.replace(text.find("web-1"), 5, "web-7");
  ASSERT_TRUE(system::write_atomically(path, text, 0600));
  lose_journal();
  const json::Value event = told_of_the_node();
  ASSERT_EQ(event.at("unreadable").array()->size(), 1U);
  EXPECT_EQ(event.at("unreadable").array()->front().string_or(""), path.native() + ".damaged");
  EXPECT_EQ(system::read_file(path.native() + ".damaged").value(), text);
  ASSERT_EQ(event.at("without_record").array()->size(), 1U);
  EXPECT_EQ(event.at("without_record").array()->front().string_or(""), "web-1");
  EXPECT_EQ(journal_->container("web-1").value()->status, Status::running);
  EXPECT_EQ(run(job("k1", "container.delete", "web-1", {{"force", true}})).state,
            JobState::succeeded);
  EXPECT_FALSE(runtime_.has("web-1"));
  EXPECT_FALSE(std::filesystem::exists(layout_.containers() / "web-1"));
  EXPECT_FALSE(std::filesystem::exists("/run/netns/drover-web-1"));
}

TEST_F(Rebuild, AfterARebootTheyAreStopped) {
  run(run_with_volume("j1", "web-1"));
  ASSERT_TRUE(remove_by_hand("web-1", "j1"));
  lose_journal();
  const auto row = journal_->container("web-1").value();
  ASSERT_TRUE(row);
  EXPECT_EQ(row->status, Status::stopped);
  EXPECT_FALSE(row->exit->code);
  EXPECT_EQ(run(job("k1", "container.start", "web-1")).state, JobState::succeeded);
  EXPECT_EQ(run(job("k2", "container.delete", "web-1", {{"force", true}})).state,
            JobState::succeeded);
  EXPECT_TRUE(leaves_nothing("web-1"));
}

// A machine that lost its power is where a journal is damaged.
TEST_F(Rebuild, WhatAlwaysRunsIsStartedAgainAfterARebootThatTookTheJournal) {
  for (const char* name : {"always", "never", "stopped"}) {
    run(run_job(name, name));
    ContainerRow row = *journal_->container(name).value();
    ContainerRecord record = container_record_from(row.container).value();
    if (row.name != "never") {
      record.container.spec.restart.when = RestartPolicy::When::always;
    }
    row.container = json::write(to_json(record));
    ASSERT_TRUE(journal_->put_container(row));
    books_->commit();
  }
  run(job("s1", "container.stop", "stopped"));
  for (const char* name : {"always", "never", "stopped"}) {
    ASSERT_TRUE(remove_by_hand(name, name));
  }
  boot_ = "boot-2";
  lose_journal();
  Reboot reboot(*books_, *intake_, *node_, clock_);
  ASSERT_TRUE(reboot.note(boot_));
  ASSERT_TRUE(intake_->resume());
  ASSERT_TRUE(reboot.start_again());
  books_->commit();
  EXPECT_EQ(journal_->container("never").value()->exit->reason, "reboot");
  EXPECT_THAT(told("container", "never"), ElementsAre("stopped"));
  while (!journal_->unfinished().value().empty() || journal_->dirty()) {
    loop_->turn(std::chrono::seconds(60));
  }
  EXPECT_EQ(journal_->container("always").value()->status, Status::running);
  EXPECT_EQ(journal_->container("never").value()->status, Status::stopped);
  EXPECT_EQ(journal_->container("stopped").value()->status, Status::stopped);
}

TEST_F(Rebuild, ANewNodeTellsNothing) {
  records_.reset();
  end_agent();
  std::filesystem::remove(layout_.journal());
  start_again();
  EXPECT_THAT(published_, IsEmpty());
  run(run_job("j1", "web-1"));
  const std::size_t seen = published_.size();
  records_.reset();
  end_agent();
  start_again();
  EXPECT_EQ(published_.size(), seen) << "an ordinary start rebuilds nothing";
}

TEST_F(Rebuild, AJournalThatSomebodyDeletedIsRebuiltToo) {
  run(run_job("j1", "web-1"));
  records_.reset();
  end_agent();
  std::filesystem::remove(layout_.journal());
  start_again();
  EXPECT_TRUE(journal_->container("web-1").value());
  EXPECT_EQ(told_of_the_node().at("file").string_or("-"), "");
}

// An agent of a version without records leaves none.
TEST_F(Rebuild, RecordsAreMadeOfWhatIsThereAtTheStart) {
  run(run_job("j1", "web-1"));
  records_.reset();
  std::filesystem::remove_all(layout_.records());
  keep_records();
  records_.reset();
  const std::string text =
      system::read_file(layout_.record(*ContainerName::parse("web-1"))).value();
  const SealedRecord record = unseal(text).value();
  EXPECT_EQ(record.job.id, "j1");
  EXPECT_GE(record.steps.size(), 4U);
}

TEST_F(Rebuild, AVolumeThatOutlivesContainersIsKnownAgainWithWhatIsOnIt) {
  run(job("v1", "volume.create", "data"));
  run(job("v2", "volume.create", "gone"));
  run(job("v3", "volume.delete", "gone"));
  json::Object request = run_job("j1", "web-1");
  request.find("spec")->object()->set(
      "volumes",
      json::Array{json::Object{{"name", "data"}, {"target", "/data"}, {"from", "data"}}});
  run(request);
  std::ofstream(layout_.volume_mount(*ContainerName::parse("web-1"), "data") / "text") << "kept";
  run(job("j2", "container.stop", "web-1"));
  std::ofstream(layout_.volume_records() / "damaged.json") << "{}";
  const VolumeRow before = *journal_->volume("data").value();
  lose_journal();
  const std::vector<VolumeRow> rows = journal_->volumes().value();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows.front().volume, before.volume);
  EXPECT_EQ(rows.front().job, before.job);
  ASSERT_EQ(run(job("j3", "container.start", "web-1")).state, JobState::succeeded);
  EXPECT_EQ(system::read_file(layout_.volume_mount(*ContainerName::parse("web-1"), "data") / "text")
                .value(),
            "kept");
}

}  // namespace
}  // namespace drover::jobs
