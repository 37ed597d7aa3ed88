// How large the log of a container becomes while there is no droverd that turns it.
#include <fcntl.h>
#include <sys/ioctl.h>

#include "oci_node.h"
#include "runtimes/log_parts.h"

namespace drover::runtimes {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

constexpr std::uint64_t kMost = 100'000;

class OciFullLogTest : public testing::TestWithParam<RuntimeKind> {
 protected:
  void SetUp() override {
    node_.options.log = {kMost / 2, 2};
    node_.options.log_ahead_bytes = 0;
    runtime_ = std::make_unique<OciRuntime>(node_.layout, node_.options);
  }
  /// One that prints ten times as much as may be kept, tells so, and goes on once it may.
  Container flooding() {
    Container made = node_.shell(
        "grep SigIgn /proc/self/status; ulimit -f; until test -e /telling/begin; do sleep 0.01; "
        "done;"
        "n=0; while test $n -lt 10000; do echo line $n of a flood; n=$((n + 1)); done; echo "
        "flooded >/telling/told;"
        "until test -e /telling/go; do echo waiting; sleep 0.01; done; echo the rest; exit 7");
    made.mounts.push_back(telling_.mount());
    return made;
  }
  void start(const Container& made) {
    const auto created = runtime_->create(made, node_.never);
    ASSERT_TRUE(created) << to_text(created.error());
    const auto started = runtime_->start(made, node_.never);
    ASSERT_TRUE(started) << to_text(started.error());
  }
  /// All of it is in the log or lost: a part of it in the pipe yet would fill the next log, too.
  void flood() {
    let("begin");
    ASSERT_EQ(telling_.line(), "flooded");
    const pid_t first = runtime_->state(*container_, node_.never).value_or(State()).pid;
    const system::UniqueFd pipe(
        open(fmt::format("/proc/{}/fd/1", first).c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    ASSERT_TRUE(pipe.valid());
    constexpr int kSomeLines = 1024;  // it prints on, a line each 10 ms
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    int left = kSomeLines;
    while (ioctl(pipe.get(), FIONREAD, &left) == 0 && left >= kSomeLines &&
           std::chrono::steady_clock::now() < until) {
      poll(nullptr, 0, 10);
    }
    ASSERT_LT(left, kSomeLines);
  }
  void let(const char* what) const { std::ofstream(folder_ / what) << ""; }
  /// Looks at the log as droverd does until the next part is there.
  void await_next_part(const Path& log) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!part_exists(log) && std::chrono::steady_clock::now() < until) {
      runtime_->turn_log(container_.value()).has_value();
      poll(nullptr, 0, 10);
    }
    ASSERT_TRUE(part_exists(log));
  }
  void expect_the_rest(const Container& made) {
    let("go");
    const pid_t first = runtime_->state(made, node_.never).value_or(State()).pid;
    EXPECT_TRUE(first <= 0 || wait_for_end_of(first));
    EXPECT_EQ(node_.exit(made).code, 7) << "its monitor was ended by its bound";
    EXPECT_THAT(node_.log(made), HasSubstr(" stdout F the rest\n"));
  }

  OciNode node_{GetParam()};
  const Path folder_ = node_.folder / "telling";
  Telling telling_{folder_};
  std::unique_ptr<OciRuntime> runtime_;
  std::optional<Container> container_;
};

INSTANTIATE_TEST_SUITE_P(Runtimes, OciFullLogTest,
                         testing::Values(RuntimeKind::runc, RuntimeKind::crun),
                         [](const auto& kind) { return std::string(to_string(kind.param)); });

TEST_P(OciFullLogTest, WithoutAnAgentItIsBoundedAndGoesOnWithTheNextAgent) {
  container_ = flooding();
  start(*container_);
  flood();
  const Path log = node_.layout.log(container_->name);
  EXPECT_EQ(std::filesystem::file_size(log), kMost);
  const auto turned = runtime_->turn_log(*container_);
  ASSERT_FALSE(turned) << "nobody is told that something is missing";
  EXPECT_THAT(turned.error().message, HasSubstr("not in it"));
  await_next_part(log);
  expect_the_rest(*container_);
  const std::string before = system::read_file(older_part(log)).value_or("");
  EXPECT_LE(before.size(), kMost + 1);
  EXPECT_THAT(before, EndsWith("\n")) << "the next part would be the rest of its last line";
  EXPECT_THAT(before, HasSubstr("SigIgn:\t0000000000000000\n")) << "a program has signals as ever";
  EXPECT_THAT(before, HasSubstr(" F unlimited\n")) << "and files as large as it likes";
}

TEST_P(OciFullLogTest, OneThatAnEndedAgentHasSetAsideGoesOnAsWell) {
  container_ = flooding();
  start(*container_);
  const Path log = node_.layout.log(container_->name);
  std::filesystem::rename(log, older_part(log));
  flood();
  EXPECT_EQ(std::filesystem::file_size(older_part(log)), kMost);
  await_next_part(log);
  expect_the_rest(*container_);
  EXPECT_LE(std::filesystem::file_size(older_part(log)), kMost + 4096);
}

}  // namespace
}  // namespace drover::runtimes
