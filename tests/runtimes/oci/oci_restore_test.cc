// Restores of runc that fail, and those whose agent ends in the middle.
#include <gmock/gmock.h>

#include "oci_checkpoint_fixture.h"
#include "runtimes/oci/pid_file.h"

namespace drover::runtimes {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

using OciRestoreTest = OciCheckpointTest;

TEST_F(OciRestoreTest, OneThatFailsLeavesItStoppedWithItsCheckpoint) {
  Container container = node_.shell("while :; do :; done");
  node_.expect_started(container);
  ASSERT_TRUE(checkpoint(container));
  way("fail-restore");
  const auto back = checkpoints().restore(container, node_.never);
  ASSERT_FALSE(back);
  EXPECT_THAT(back.error().message, HasSubstr("criu failed: type RESTORE"));
  EXPECT_THAT(back.error().message, HasSubstr("CRIU: Error (criu/y.c:2): not that"));
  EXPECT_EQ(node_.exit(container).reason, kCheckpointed);
  EXPECT_THAT(OciNode::processes_of(container), IsEmpty());
  std::filesystem::remove(ways_ / "fail-restore");
  EXPECT_TRUE(checkpoints().restore(container, node_.never));
  EXPECT_EQ(node_.state(container).status, Status::running);
}

/// conmon 2.1.6 ends when whom it tells that its container is there has ended: what was restored
/// ran on then, and printed to nobody.
TEST_F(OciRestoreTest, OneWhoseAgentHasEndedIsTakenOverWithItsLog) {
  Container container = printing();
  node_.expect_started(container);
  ASSERT_EQ(telling_.line(), "printed");
  ASSERT_TRUE(checkpoint(container));
  EXPECT_FALSE(checkpoints().has_restored(container, node_.never).value()) << "the former run";
  way("hang-restore");
  kill_agent_in([&] { (void)checkpoints().restore(container, node_.never).has_value(); });
  let_go();
  const auto taken = checkpoints().has_restored(container, node_.never);
  ASSERT_TRUE(taken) << to_text(taken.error());
  EXPECT_TRUE(*taken);
  EXPECT_EQ(node_.state(container).status, Status::running);
  ASSERT_EQ(telling_.line(), "printed");
  const pid_t first = node_.state(container).pid;
  ASSERT_TRUE(node_.runtime->kill(container, SIGKILL, node_.never));
  ASSERT_TRUE(wait_for_end_of(first));
  EXPECT_EQ(node_.exit(container).code, 137) << "there was somebody to see that";
  const std::string log = node_.log(container);
  EXPECT_NE(log.find("begun"), log.rfind("begun")) << "and to read what it prints: " << log;
  EXPECT_TRUE(checkpoints().has_restored(container, node_.never).value()) << "and has ended since";
}

TEST_F(OciRestoreTest, OneWhoseMonitorHasEndedTooIsGivenUp) {
  Container container = node_.shell("while :; do :; done");
  node_.expect_started(container);
  ASSERT_TRUE(checkpoint(container));
  way("hang-restore");
  kill_agent_in([&] { (void)checkpoints().restore(container, node_.never).has_value(); });
  const auto monitor = pid_in(node_.layout.pids() / (container.name.str() + ".monitor"));
  ASSERT_GT(monitor, 0);
  ASSERT_EQ(kill(monitor, SIGKILL), 0);
  EXPECT_FALSE(checkpoints().has_restored(container, node_.never).value());
  ASSERT_TRUE(checkpoints().give_up_restore(container, node_.never));
  EXPECT_EQ(node_.exit(container).reason, kCheckpointed);
  std::filesystem::remove(ways_ / "hang-restore");
  EXPECT_TRUE(checkpoints().restore(container, node_.never));
  EXPECT_EQ(node_.state(container).status, Status::running);
}

}  // namespace
}  // namespace drover::runtimes
