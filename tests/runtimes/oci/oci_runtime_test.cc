// The verbs of runc and crun, on real containers.
#include "runtimes/oci/oci_runtime.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "oci_node.h"

namespace drover::runtimes {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::IsEmpty;

class OciRuntimeTest : public testing::TestWithParam<RuntimeKind> {
 protected:
  void expect_conflict(const Result<>& result, const std::string& words) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Code::conflict) << to_text(result.error());
    EXPECT_THAT(result.error().message, HasSubstr(words));
  }

  OciNode node_{GetParam()};
  OciRuntime& runtime_ = *node_.runtime;
  const Stop& never_ = node_.never;
};

INSTANTIATE_TEST_SUITE_P(Kinds, OciRuntimeTest,
                         testing::Values(RuntimeKind::runc, RuntimeKind::crun),
                         [](const auto& kind) { return std::string(to_string(kind.param)); });

TEST_P(OciRuntimeTest, RuntimeInit) {
  EXPECT_EQ(runtime_.kind(), GetParam());
  EXPECT_FALSE(runtime_.capabilities().restartable);
  EXPECT_TRUE(runtime_.keeps_output());
  const auto found = runtime_.inventory(never_);
  ASSERT_TRUE(found) << to_text(found.error());
  EXPECT_THAT(*found, IsEmpty());
}

TEST_P(OciRuntimeTest, RuntimeDelete) {
  const Container container = node_.container({"sleep", "1000"});
  node_.expect_started(container);
  expect_conflict(runtime_.remove(container, false, never_), "it is running");
  EXPECT_EQ(node_.state(container).status, Status::running);
  const auto removed = runtime_.remove(container, true, never_);
  ASSERT_TRUE(removed) << to_text(removed.error());
  EXPECT_EQ(runtime_.state(container, never_).error().code, Code::not_found);
  EXPECT_THAT(OciNode::processes_of(container), IsEmpty());
  EXPECT_THAT(OciNode::cgroups_of(container), IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(node_.layout.bundle(container.name)));
  EXPECT_TRUE(std::filesystem::is_empty(node_.layout.runtime_root(GetParam())));
  EXPECT_TRUE(std::filesystem::is_empty(node_.layout.pids()));
  EXPECT_TRUE(std::filesystem::is_empty(node_.layout.exits()));
  EXPECT_TRUE(runtime_.remove(container, false, never_)) << "absent is success";
  EXPECT_TRUE(runtime_.remove(container, true, never_)) << "absent is success";
}

TEST_P(OciRuntimeTest, AFreezeThatABusyMachineGaveUpIsTriedAgain) {
  const Container container = node_.container({"sleep", "1000"});
  node_.expect_started(container);
  OciOptions options = node_.options;
  options.program = node_.folder / "busy";
  // As runc does it, and crun.
  for (const char* pause :
       {R"(echo '{"level":"error","msg":"unable to freeze"}' >&2; exit 1)", "exit 0"}) {
    std::ofstream(options.program)
        << "#!/bin/sh\ncase \"$*\" in *' pause '*) " << pause << " ;; esac\nexec "
        << node_.options.program.native() << " \"$@\"\n";
    std::filesystem::permissions(options.program, std::filesystem::perms::owner_all);
    const auto paused = OciRuntime(node_.layout, options).pause(container, never_);
    ASSERT_FALSE(paused);
    EXPECT_EQ(paused.error().code, Code::unavailable) << to_text(paused.error());
    EXPECT_THAT(paused.error().message, AnyOf(HasSubstr("freeze"), HasSubstr("frozen")));
  }
}

TEST_P(OciRuntimeTest, TheInventoryNamesTheJobOfOurs) {
  const Container running = node_.container({"sleep", "1000"});
  node_.expect_started(running);
  const Container ended = node_.shell("exit 5");
  node_.run(ended);
  const auto found = runtime_.inventory(never_);
  ASSERT_TRUE(found) << to_text(found.error());
  ASSERT_EQ(found->size(), 2U);
  for (const Found& one : *found) {
    EXPECT_EQ(one.job, "job-1");
    if (one.name == running.name.str()) {
      EXPECT_EQ(one.state.status, Status::running);
      EXPECT_GT(one.state.pid, 0);
    } else {
      EXPECT_EQ(one.name, ended.name.str());
      EXPECT_EQ(one.state.status, Status::stopped);
      EXPECT_EQ(one.state.exit.value_or(Exit()).code, 5);
    }
  }
}

TEST_P(OciRuntimeTest, TheInventoryKnowsTheJobAlsoWhenTheBundleIsLost) {
  const Container container = node_.container({"sleep", "1000"});
  node_.expect_started(container);
  std::filesystem::remove_all(node_.layout.bundle(container.name));
  const auto found = runtime_.inventory(never_);
  ASSERT_TRUE(found) << to_text(found.error());
  ASSERT_EQ(found->size(), 1U);
  EXPECT_EQ(found->front().job, "job-1");
  const auto removed = runtime_.remove(container, true, never_);
  EXPECT_TRUE(removed) << removed.error().message;
}

}  // namespace
}  // namespace drover::runtimes
