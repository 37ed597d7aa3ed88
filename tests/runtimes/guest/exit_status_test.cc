#include "runtimes/guest/exit_status.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cstdio>

#include "agent/system/child.h"
#include "agent/system/process.h"

namespace drover::runtimes {
namespace {

/// Whether this kernel tells it at all: 6.15 and later.
bool kernel_tells() {
  utsname name{};
  uname(&name);
  int major = 0;
  int minor = 0;
  if (std::sscanf(name.release, "%d.%d", &major, &minor) != 2) {
    return false;
  }
  return major > 6 || (major == 6 && minor >= 15);
}

/// Of a program that has run to its end; nothing where the kernel tells nothing.
std::optional<int> code_of(const std::string& script) {
  std::array<int, 2> ends{};
  EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  const system::UniqueFd hold(ends[0]);
  system::UniqueFd release(ends[1]);
  // It waits for the end of its input, so that it still runs when it is first asked for.
  system::ChildOptions options;
  options.descriptors = {{hold.get(), 0}};
  system::Child child = system::Child::start({"sh", "-c", "read x; " + script}, options).value();
  const std::uint64_t start = system::start_time_of(child.pid()).value();
  const system::UniqueFd pidfd = std::move(system::open_process({child.pid(), start}).value());
  EXPECT_EQ(exit_code_of(pidfd.get()), std::nullopt);
  release.reset();
  EXPECT_TRUE(child.wait(system::Stop()));
  return exit_code_of(pidfd.get());
}

TEST(ExitStatusTest, IsToldOnceTheParentHasReaped) {
  const auto known = [](int code) { return kernel_tells() ? std::optional(code) : std::nullopt; };
  EXPECT_EQ(code_of("exit 0"), known(0));
  EXPECT_EQ(code_of("exit 42"), known(42));
  EXPECT_EQ(code_of("kill -KILL $$"), known(137));
}

TEST(ExitStatusTest, IsNothingOfWhatIsNoPidfd) {
  EXPECT_EQ(exit_code_of(0), std::nullopt);
  EXPECT_EQ(exit_code_of(-1), std::nullopt);
}

}  // namespace
}  // namespace drover::runtimes
