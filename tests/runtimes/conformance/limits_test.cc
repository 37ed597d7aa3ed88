// Limits are held, by what the kernel itself counts.
#include <charconv>

#include "conformance.h"

namespace drover::runtimes {
namespace {

using testing::HasSubstr;

class ConformanceLimits : public Conformance {
 protected:
  /// The number behind "KEY " of a file that has one on each line.
  static std::uint64_t number_in(const std::string& text, const std::string& key) {
    const std::string lines = "\n" + text;
    const std::size_t at = lines.find("\n" + key);
    std::uint64_t number = 0;
    if (at != std::string::npos) {
      std::from_chars(lines.data() + at + 1 + key.size(), lines.data() + lines.size(), number);
    }
    return number;
  }
};

ON_EVERY_RUNTIME(ConformanceLimits);

TEST_P(ConformanceLimits, Memory) {
  Container made = shell(
      "dd if=/dev/zero of=/dev/null bs=8M count=1 && echo fits;"
      "dd if=/dev/zero of=/dev/null bs=200M count=1 || echo refused");
  made.spec.resources.memory_mib = 32;
  run(made);
  await_end(made);
  EXPECT_THAT(printed(made), HasSubstr("fits"));
  EXPECT_THAT(printed(made), HasSubstr("refused"));
}

TEST_P(ConformanceLimits, Processes) {
  Container made = shell("for i in $(seq 40); do sleep 1000 & done; exit 0");
  // More than the threads of runc, which is the first process for a moment.
  made.spec.resources.pids = 20;
  if (is_guest()) {
    const auto accepted = runtime_->accepts(made.spec);
    ASSERT_FALSE(accepted);
    EXPECT_EQ(accepted.error().code, Code::refused);
    EXPECT_THAT(accepted.error().message, HasSubstr("resources.pids"));
    return;
  }
  run(made);
  await_end(made);
  EXPECT_THAT(printed(made), HasSubstr("fork"));
}

// As a ratio of the group's own figures: how busy this machine is does not matter.
TEST_P(ConformanceLimits, TimeOfTheCpu) {
  Container made = shell("while :; do :; done & while :; do :; done");
  made.spec.resources.cpus = 0.1;
  run(made);
  const auto statistics = [&] { return in_group(made, "cpu", "cpu.stat"); };
  ASSERT_TRUE(comes_about([&] { return number_in(statistics(), "nr_throttled ") >= 5; }))
      << statistics();
  const auto figure = [&](const char* name) {
    return static_cast<double>(number_in(statistics(), name));
  };
  const bool v2 = number_in(statistics(), "usage_usec ") > 0;
  constexpr double kNano = 1e-9;
  constexpr double kMicro = 1e-6;
  const double used =
      v2 ? figure("usage_usec ") * kMicro
         : static_cast<double>(number_in(in_group(made, "cpuacct", "cpuacct.usage"), "")) * kNano;
  // Read after it; the one that has begun counts as whole.
  const double periods = figure("nr_periods ") + 1;
  constexpr double kPeriod = 0.1;
  EXPECT_LT(used / (periods * kPeriod), 0.2) << statistics();
}

TEST_P(ConformanceLimits, ChangeWhileItRunsAndHold) {
  if (is_guest()) {
    GTEST_SKIP() << "Proxmox changes them, and its simulator only writes them down";
  }
  Container made = container({"sleep", "1000"});
  made.spec.resources = {64, 0.5, 20};
  run(made);
  EXPECT_EQ(in_group(made, "pids", "pids.max"), "20\n");
  ASSERT_TRUE(runtime_->update(made, {64, 0.5, 15}, never_));
  EXPECT_EQ(in_group(made, "pids", "pids.max"), "15\n");
  const Executed forking = execute(
      made, {{"sh", "-c", "for i in $(seq 30); do sleep 1000 >/dev/null 2>&1 & done"}, {}, "", ""});
  EXPECT_THAT(forking.err, HasSubstr("fork"));
}

}  // namespace
}  // namespace drover::runtimes
