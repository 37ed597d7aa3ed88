// What containers use, by the kernel's own counters of real ones.
#include "conformance.h"
#include "runtimes/read_usage.h"

namespace drover::runtimes {
namespace {

class ConformanceUsage : public Conformance {
 protected:
  Usage usage(const Container& container) {
    const auto first = runtime_->first_process(container, never_);
    EXPECT_TRUE(first) << to_text(first.error());
    const auto usage = first ? usage_of(*first) : Failure(first.error());
    EXPECT_TRUE(usage) << to_text(usage.error());
    return usage.value_or(Usage());
  }
};

ON_EVERY_RUNTIME(ConformanceUsage);

TEST_P(ConformanceUsage, ALoopCostsTimeAndWhatIsAllocatedShows) {
  constexpr std::uint64_t kBlock = std::uint64_t{24} << 20;
  const Container made =
      shell("block=$(head -c 25165824 /dev/zero | tr '\\0' x); echo written; while :; do :; done");
  run(made);
  await_printed(made, "written");
  const Usage before = usage(made);
  ASSERT_TRUE(before.cpu.usage_ns);
  EXPECT_GE(before.memory.usage_bytes.value_or(0), kBlock);
  EXPECT_GE(before.memory.working_set_bytes.value_or(0), kBlock);
  EXPECT_GE(before.pids.current.value_or(0), 1U);
  constexpr std::uint64_t kSome = 50'000'000;
  EXPECT_TRUE(comes_about(
      [&] { return usage(made).cpu.usage_ns.value_or(0) >= *before.cpu.usage_ns + kSome; }));
}

TEST_P(ConformanceUsage, OneThatHasEndedHasNoFirstProcess) {
  const Container made = shell("exit 0");
  run(made);
  await_end(made);
  EXPECT_EQ(runtime_->first_process(made, never_).error().code, Code::not_found);
}

}  // namespace
}  // namespace drover::runtimes
