// A test program one of whose files includes this has a network namespace of its own, with a
// loopback whose ports nobody else takes.
#pragma once

#include <gtest/gtest.h>
#include <sched.h>

#include <cerrno>
#include <cstring>

#include "agent/system/child.h"

namespace drover::fakes {

/// Needs root.
class OwnNetwork : public testing::Environment {
 public:
  void SetUp() override {
    ASSERT_EQ(unshare(CLONE_NEWNET), 0) << std::strerror(errno);
    const auto up = system::run_ok({"ip", "link", "set", "lo", "up"}, system::Stop());
    ASSERT_TRUE(up) << up.error().message;
  }
};
inline const auto* const kOwnNetwork = testing::AddGlobalTestEnvironment(new OwnNetwork);

}  // namespace drover::fakes
