// What an image can do to the programs of ours that become its own (agent/system/sealed_program.h).
#include <cerrno>

#include "lxc_node.h"
#include "runtimes/sessions/monitored_sessions.h"

namespace drover::runtimes {
namespace {

using testing::HasSubstr;

/// Its root's "evil" is whatever program is run there at that moment, and its ld.so looks whether
/// it can write to that.
class OwnProgramTest : public LxcNode {
 protected:
  void SetUp() override {
    LxcNode::SetUp();
#ifdef HOSTILE_LOADER
    make_root(root_);
    std::filesystem::create_symlink("/proc/self/exe", root_ / "bin/evil");
    std::filesystem::create_directories(root_ / "lib64");
    std::filesystem::copy_file(HOSTILE_LOADER, root_ / "lib64/ld-linux-x86-64.so.2");
    mount_root(root_);
#else
    GTEST_SKIP() << "there is no hostile loader for this processor";
#endif
  }
  void run(const std::vector<std::string>& command) {
    container_.spec.command = command;
    create();
    start();
  }

  const Path root_ = folder_ / "image";
  // Not "text file busy", which it is as long only as the program runs.
  const std::string refused_ = fmt::format("error {}\n", EROFS);
};

// CVE-2019-5736.
TEST_F(OwnProgramTest, AnImageCannotWriteToWhatStartsItsContainer) {
  run({"/bin/evil"});
  await_end();
  EXPECT_THAT(log(), HasSubstr(refused_));
}

TEST_F(OwnProgramTest, AnImageCannotWriteToWhatRunsAProgramInside) {
  run({"/bin/sleep", "1000"});
  std::string out;
  const Sink sink = [&](std::string_view text) { out += text; };
  const auto code = runtime_.exec(container_, {{"/bin/evil"}, {}, "", ""}, sink, sink, never_);
  ASSERT_TRUE(code) << to_text(code.error());
  EXPECT_EQ(out, refused_);
  const JobId job = *JobId::parse("job-2");
  const auto begun =
      runtime_.exec_sessions()->begin(container_, job, {{"/bin/evil"}, {}, "", ""}, never_);
  ASSERT_TRUE(begun) << to_text(begun.error());
  ASSERT_TRUE(runtime_.exec_sessions()->await(job, never_));
  EXPECT_THAT(system::read_file(layout_.job_log(job)).value_or(""), HasSubstr(refused_));
  EXPECT_TRUE(runtime_.exec_sessions()->forget(job));
}

}  // namespace
}  // namespace drover::runtimes
