// Limits of a container of runc or crun that runs, as its own control group shows them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include "oci_node.h"
#include "runtimes/resources_held.h"

namespace drover::runtimes {
namespace {

using testing::HasSubstr;

class OciUpdateTest : public testing::TestWithParam<RuntimeKind> {
 protected:
  Container started(const std::string& script, const Resources& limits) {
    Container container = node_.shell(script);
    container.spec.resources = limits;
    const auto created = runtime_.create(container, node_.never);
    EXPECT_TRUE(created) << created.error().message;
    EXPECT_TRUE(runtime_.start(container, node_.never));
    return container;
  }
  pid_t pid_of(const Container& container) {
    return runtime_.state(container, node_.never).value().pid;
  }
  void expect_limits(const Container& container, std::uint64_t memory_mib, const std::string& quota,
                     const std::string& pids) {
    EXPECT_EQ(OciNode::group_file(container, "memory/memory.limit_in_bytes", "memory.max"),
              std::to_string(memory_mib << 20U));
    EXPECT_THAT(OciNode::group_file(container, "cpu/cpu.cfs_quota_us", "cpu.max"),
                testing::StartsWith(quota));
    EXPECT_EQ(OciNode::group_file(container, "pids/pids.max", "pids.max"), pids);
  }

  OciNode node_{GetParam()};
  OciRuntime& runtime_ = *node_.runtime;
};

INSTANTIATE_TEST_SUITE_P(Kinds, OciUpdateTest,
                         testing::Values(RuntimeKind::runc, RuntimeKind::crun),
                         [](const auto& kind) { return std::string(to_string(kind.param)); });

TEST_P(OciUpdateTest, LimitsChangeWhileItRunsAndBackAgain) {
  const Container container = started("sleep 100", {64, 0.5, 20});
  expect_limits(container, 64, "50000", "20");
  const auto more = runtime_.update(container, {128, 2, 40}, node_.never);
  ASSERT_TRUE(more) << more.error().message;
  expect_limits(container, 128, "200000", "40");
  ASSERT_TRUE(runtime_.update(container, {64, 0.5, 20}, node_.never));
  expect_limits(container, 64, "50000", "20");
  const auto none = runtime_.update(container, {}, node_.never);
  ASSERT_TRUE(none) << none.error().message;
  EXPECT_THAT(OciNode::group_file(container, "memory/memory.limit_in_bytes", "memory.max"),
              testing::AnyOf("max", "9223372036854771712"));
  EXPECT_EQ(OciNode::group_file(container, "pids/pids.max", "pids.max"), "4194304");
  ASSERT_TRUE(runtime_.remove(container, true, node_.never));
}

TEST_P(OciUpdateTest, LessMemoryThanItsProgramsHoldIsAConflictAndNothingChanges) {
  // Memory that is shared counts as what a program holds.
  const Container container =
      started("dd if=/dev/zero of=/dev/shm/held bs=1M count=40 2>/dev/null; echo ready; sleep 100",
              {256, 0, 50});
  while (node_.log(container).find("ready") == std::string::npos) {
    poll(nullptr, 0, 5);
  }
  EXPECT_GE(memory_held(pid_of(container)).value_or(0), std::uint64_t{40} << 20U);
  const auto less = runtime_.update(container, {16, 0, 50}, node_.never);
  ASSERT_FALSE(less);
  EXPECT_EQ(less.error().code, Code::conflict);
  EXPECT_THAT(less.error().message, HasSubstr("its programs hold"));
  EXPECT_EQ(OciNode::group_file(container, "memory/memory.limit_in_bytes", "memory.max"),
            std::to_string(std::uint64_t{256} << 20U));
  EXPECT_EQ(runtime_.state(container, node_.never)->status, Status::running);
  ASSERT_TRUE(runtime_.remove(container, true, node_.never));
}

TEST_P(OciUpdateTest, FewerProcessesThanItHasIsAConflictWithTheirNumberAndNothingChanges) {
  const Container container =
      started("for i in 1 2 3 4 5; do sleep 100 & done; echo ready; wait", {64, 0, 50});
  while (node_.log(container).find("ready") == std::string::npos) {
    poll(nullptr, 0, 5);
  }
  EXPECT_EQ(pids_held(pid_of(container)).value_or(0), 6U);
  const auto fewer = runtime_.update(container, {64, 0, 5}, node_.never);
  ASSERT_FALSE(fewer);
  EXPECT_EQ(fewer.error().code, Code::conflict);
  EXPECT_THAT(fewer.error().message, HasSubstr("to 5 processes: it has 6 now"));
  EXPECT_EQ(OciNode::group_file(container, "pids/pids.max", "pids.max"), "50");
  EXPECT_EQ(runtime_.state(container, node_.never)->status, Status::running);
  ASSERT_TRUE(runtime_.update(container, {64, 0, 6}, node_.never));
  ASSERT_TRUE(runtime_.remove(container, true, node_.never));
}

TEST_P(OciUpdateTest, OneThatIsNotThereIsNotFoundAndAStoppedOneIsMadeAnewWithThem) {
  Container container = node_.shell("exit 0");
  EXPECT_EQ(runtime_.update(container, {64, 0, 0}, node_.never).error().code, Code::not_found);
  EXPECT_EQ(node_.run(container).code, 0);
  EXPECT_TRUE(runtime_.update(container, {64, 0, 0}, node_.never));
  ASSERT_TRUE(runtime_.remove(container, true, node_.never));
}

}  // namespace
}  // namespace drover::runtimes
