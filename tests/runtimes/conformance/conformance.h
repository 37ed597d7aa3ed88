// Conformance: what the tests of all four runtimes have in common.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "subject.h"

namespace drover::runtimes {

/// Each test is written once and run on every runtime: "Runtimes/TEST/KIND". Where one differs, the
/// test says so by its name, and why.
class Conformance : public testing::TestWithParam<RuntimeKind> {
 protected:
  void SetUp() override;
  /// Removes by force whatever the test has made.
  void TearDown() override;

  RuntimeKind kind() const { return GetParam(); }
  bool is_guest() const { return kind() == RuntimeKind::pve_lxc; }

  /// `words`, for /bin/sh; a guest cannot be given both kinds of quotes.
  Container shell(const std::string& script) { return container({"sh", "-c", script}); }
  Container container(const std::vector<std::string>& command);
  /// One that sleeps, with the variables A and B set to "container": for tests that only run
  /// commands in it. They share it.
  const Container& resting();
  void create(const Container& container);
  void start(const Container& container);
  /// Creates and starts it.
  void run(const Container& container);
  /// Starts one once more that has ended, made anew where its runtime starts each only once.
  void run_again(const Container& container);
  /// Waits until it has ended by itself.
  Exit await_end(const Container& container);
  State state(const Container& container);
  /// Waits until it has printed this.
  void await_printed(const Container& container, const std::string& text);
  std::string printed(const Container& container) { return subject_->printed(container); }
  struct Executed {
    Result<int> code = 0;
    std::string out{};
    std::string err{};
  };
  Executed execute(const Container& container, const ExecRequest& request);

  /// Whether `done` came about within half a minute, looked for all the time.
  static bool comes_about(const std::function<bool()>& done);
  /// The file of the container's control group, of cgroup v1 or v2; "" when there is none.
  std::string in_group(const Container& container, const std::string& controller,
                       const std::string& file);

  Subject* subject_ = nullptr;
  Runtime* runtime_ = nullptr;
  std::vector<Container> made_;
  const Stop never_;
};

inline std::string name_of_runtime(const testing::TestParamInfo<RuntimeKind>& info) {
  std::string name(to_string(info.param));
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

}  // namespace drover::runtimes

#define ON_EVERY_RUNTIME(Suite)                                                                    \
  INSTANTIATE_TEST_SUITE_P(Runtimes, Suite,                                                        \
                           testing::Values(RuntimeKind::runc, RuntimeKind::crun, RuntimeKind::lxc, \
                                           RuntimeKind::pve_lxc),                                  \
                           name_of_runtime)
