// A test program one of whose files includes this has mounts and named network namespaces of its
// own, which end with it.
#pragma once

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

namespace drover::fakes {

/// Needs root.
class PrivateMounts : public testing::Environment {
 public:
  void SetUp() override {
    ASSERT_EQ(unshare(CLONE_NEWNS), 0) << std::strerror(errno);
    // Nothing mounted here is seen outside; what others mount would only disturb the tests.
    ASSERT_EQ(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0)
        << std::strerror(errno);
    // The names of network namespaces (ip-netns(8)) are files in a folder that all share.
    mkdir("/run/netns", 0755);
    ASSERT_EQ(mount("tmpfs", "/run/netns", "tmpfs", 0, nullptr), 0) << std::strerror(errno);
  }
};
inline const auto* const kPrivateMounts = testing::AddGlobalTestEnvironment(new PrivateMounts);

}  // namespace drover::fakes
