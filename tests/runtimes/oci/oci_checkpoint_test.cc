// Checkpoints of runc: what Drover makes of what runc and CRIU do.
#include <gmock/gmock.h>

#include "oci_checkpoint_fixture.h"
#include "runtimes/oci/checkpoint_folder.h"

namespace drover::runtimes {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST_F(OciCheckpointTest, ItIsStoppedByItAndGoesOnWithItsLogAndExitCode) {
  Container container = printing();
  node_.expect_started(container);
  ASSERT_EQ(telling_.line(), "printed");
  const auto made = checkpoint(container);
  ASSERT_TRUE(made) << to_text(made.error());
  EXPECT_GT(made->bytes, 0U);
  EXPECT_FALSE(made->left_running);
  for (int look = 0; look < 2; ++look) {
    const Exit exit = node_.exit(container);
    EXPECT_EQ(exit.code, std::nullopt);
    EXPECT_EQ(exit.reason, kCheckpointed);
    make_fresh_runtime();
  }
  EXPECT_THAT(OciNode::processes_of(container), IsEmpty());
  EXPECT_THAT(OciNode::cgroups_of(container), IsEmpty());
  struct stat facts {};
  ASSERT_EQ(stat(node_.layout.checkpoint(container.name).c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777U, 0700U);
  const auto back = checkpoints().restore(container, node_.never);
  ASSERT_TRUE(back) << to_text(back.error());
  EXPECT_THAT(asked(), AllOf(HasSubstr("restore --bundle"), HasSubstr("pages-1.img"),
                             Not(HasSubstr("--tcp-established"))));
  EXPECT_EQ(node_.state(container).status, Status::running);
  ASSERT_EQ(telling_.line(), "printed");
  ASSERT_TRUE(node_.runtime->kill(container, SIGKILL, node_.never));
  ASSERT_TRUE(wait_for_end_of(node_.state(container).pid));
  EXPECT_EQ(node_.exit(container).code, 137);
  EXPECT_EQ(node_.exit(container).reason, "") << "that was no checkpoint";
  const std::string log = node_.log(container);
  EXPECT_NE(log.find("begun"), log.rfind("begun")) << "both runs stand in one log: " << log;
}

TEST_F(OciCheckpointTest, OneThatIsLeftRunningEndsByItselfLater) {
  Container container = node_.shell("while :; do :; done");
  node_.expect_started(container);
  const auto made = checkpoint(container, {true, true, true});
  ASSERT_TRUE(made) << to_text(made.error());
  EXPECT_TRUE(made->left_running);
  EXPECT_THAT(asked(), AllOf(HasSubstr(" --leave-running"), HasSubstr(" --tcp-established"),
                             HasSubstr(" --file-locks")));
  EXPECT_EQ(node_.state(container).status, Status::running);
  EXPECT_EQ(checkpoints().restore(container, node_.never).error().code, Code::conflict);
  const auto stopped =
      node_.runtime->stop(container, SIGKILL, std::chrono::seconds(1), node_.never);
  ASSERT_TRUE(stopped) << to_text(stopped.error());
  EXPECT_EQ(stopped->code, 137);
  EXPECT_EQ(node_.exit(container).reason, "");
  ASSERT_TRUE(checkpoints().restore(container, node_.never));
  EXPECT_THAT(asked(), HasSubstr("--detach --image-path " +
                                 (node_.layout.checkpoint(container.name) / "images").native()));
  ASSERT_TRUE(checkpoints().forget(container));
  EXPECT_FALSE(std::filesystem::exists(node_.layout.checkpoint(container.name)));
}

TEST_F(OciCheckpointTest, AFailureLeavesItRunningAndSaysWhatCriuSaid) {
  Container container = node_.shell("while :; do :; done");
  node_.expect_started(container);
  way("fail");
  const auto made = checkpoint(container);
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().message, HasSubstr("criu failed: type DUMP"));
  EXPECT_THAT(made.error().message, HasSubstr("CRIU: Error (criu/x.c:1): no such thing"));
  EXPECT_EQ(node_.state(container).status, Status::running);
  EXPECT_FALSE(std::filesystem::exists(node_.layout.checkpoint_begun(container.name)));
  EXPECT_FALSE(std::filesystem::exists(node_.layout.checkpoint(container.name)));
  EXPECT_EQ(checkpoints().restore(container, node_.never).error().code, Code::not_found);
}

TEST_F(OciCheckpointTest, OneThatItsAgentDoesNotSeeTheEndOfIsFoundWhole) {
  Container container = node_.shell("while :; do :; done");
  node_.expect_started(container);
  way("hang");
  way("keep-state");  // runc was killed behind CRIU
  kill_agent_in([&] { (void)checkpoint(container).has_value(); });
  EXPECT_EQ(node_.state(container).status, Status::running);
  let_go();
  const auto made = checkpoints().made_by(container, job_, node_.never);
  ASSERT_TRUE(made) << to_text(made.error());
  EXPECT_TRUE(*made);
  EXPECT_EQ(node_.exit(container).reason, kCheckpointed);
  EXPECT_FALSE(std::filesystem::exists(node_.layout.checkpoint_begun(container.name)));
  EXPECT_TRUE(checkpoints().made_by(container, job_, node_.never).value()) << "it is kept";
  EXPECT_FALSE(
      checkpoints().made_by(container, JobId::parse("job-3").value(), node_.never).value());
}

TEST_F(OciCheckpointTest, OneThatFailsWithoutItsAgentIsGivenUp) {
  Container container = node_.shell("while :; do :; done");
  node_.expect_started(container);
  way("hang");
  way("fail");
  kill_agent_in([&] { (void)checkpoint(container).has_value(); });
  // As CRIU leaves it that was killed as well.
  ASSERT_TRUE(node_.runtime->pause(container, node_.never));
  let_go();
  EXPECT_FALSE(checkpoints().made_by(container, job_, node_.never).value());
  ASSERT_TRUE(checkpoints().give_up(container, node_.never));
  EXPECT_EQ(node_.state(container).status, Status::running);
  EXPECT_FALSE(std::filesystem::exists(node_.layout.checkpoint_begun(container.name)));
  ASSERT_TRUE(node_.runtime->kill(container, SIGKILL, node_.never));
  ASSERT_TRUE(wait_for_end_of(node_.state(container).pid));
  EXPECT_EQ(node_.exit(container).code, 137) << "no checkpoint has ended it";
}

/// CRIU would write it, and fail to restore it.
TEST_F(OciCheckpointTest, WhatIsMountedAndWasReplacedSinceIsInTheWay) {
  const Path file = node_.folder / "hosts";
  std::ofstream(file) << "old\n";
  Container container = node_.shell("while :; do :; done");
  container.mounts.push_back({file, "/etc/hosts", false});
  node_.expect_started(container);
  ASSERT_TRUE(checkpoint(container, {.leave_running = true}));
  std::filesystem::remove(file);
  std::ofstream(file) << "new\n";
  const auto refused = checkpoint(container);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::conflict);
  EXPECT_THAT(refused.error().message, HasSubstr("mounted inside at /etc/hosts was removed"));
  EXPECT_EQ(node_.state(container).status, Status::running);
}

TEST_F(OciCheckpointTest, WhatCannotBeIsRefusedByName) {
  Container container = node_.shell("true");
  EXPECT_TRUE(checkpoints().check_checkpoints(container));
  const auto expect_refused = [&](const Container& one, const std::string& why) {
    const auto refused = checkpoints().check_checkpoints(one);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::refused);
    EXPECT_THAT(refused.error().message, HasSubstr(why));
  };
  Container with_terminal = container;
  with_terminal.spec.terminal = true;
  expect_refused(with_terminal, "has a terminal");
  Container with_users = container;
  with_users.users = 100'000;
  expect_refused(with_users, "user_namespace");
  std::filesystem::remove(node_.options.criu);
  expect_refused(container, "apt install criu");
}

TEST_F(OciCheckpointTest, CriusLastErrorsAreTold) {
  EXPECT_EQ(last_criu_errors("(00.1) fine\n(00.2)     1: Error (criu/a.c:1): one\n(00.3) Warn (x)\n"
                             "(00.4) Error (criu/b.c:2): two\n(00.5) Error (criu/c.c:3): three\n"
                             "(00.6) Error (criu/cr-dump.c:9): Dumping FAILED.\n"),
            "Error (criu/b.c:2): two; Error (criu/c.c:3): three; Error (criu/cr-dump.c:9): Dumping "
            "FAILED.");
  EXPECT_EQ(last_criu_errors("(00.1) fine"), "");
}

/// The real ones. Where CRIU does not work, as on kernels that are younger than it, its own words
/// tell why, and nothing has happened; else what was written is restored.
TEST(RealCriu, DoesItOrSaysWhyNotAndLeavesItRunning) {
  OciNode node(RuntimeKind::runc);
  if (access(node.options.criu.c_str(), X_OK) != 0) {
    GTEST_SKIP() << "there is no criu here";
  }
  Container container = node.shell("while :; do sleep 1; done");
  node.expect_started(container);
  const JobId job = JobId::parse("job-2").value();
  const auto made = node.runtime->checkpoints()->checkpoint(container, {}, job, node.never);
  if (made) {
    EXPECT_EQ(node.exit(container).reason, kCheckpointed);
    const auto back = node.runtime->checkpoints()->restore(container, node.never);
    EXPECT_TRUE(back) << to_text(back.error());
  } else {
    EXPECT_THAT(made.error().message, HasSubstr("CRIU: Error (criu/"));
  }
  EXPECT_EQ(node.state(container).status, Status::running);
}

}  // namespace
}  // namespace drover::runtimes
