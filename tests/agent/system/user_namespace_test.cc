// User namespaces, network namespaces that belong to them, and mounts with other owners.
#include "agent/system/user_namespace.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "agent/system/idmapped_mount.h"
#include "fakes/sanitizers.h"
#include "fakes/temp_folder.h"

namespace drover::system {
namespace {

using testing::HasSubstr;

constexpr std::uint32_t kFirst = 2147483648;

/// With mounts of its own, in a process of its own: what `look` finds true there.
bool apart(const std::function<bool()>& look) {
  const pid_t pid = fork();
  if (pid == 0) {
    const bool own = unshare(CLONE_NEWNS) == 0 &&
                     mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
    _exit(own && look() ? 0 : 1);
  }
  int status = 1;
  waitpid(pid, &status, 0);
  return status == 0;
}

uid_t owner_of(const Path& path) {
  struct stat facts {};
  return lstat(path.c_str(), &facts) == 0 ? facts.st_uid : uid_t(-1);
}

/// A user namespace is made by a process of one thread (unshare(2)); ThreadSanitizer gives each
/// child another.
class UserNamespace : public testing::Test {
 protected:
  void SetUp() override {
    if (fakes::kHasThreadSanitizer) {
      GTEST_SKIP() << "ThreadSanitizer has a thread of its own in each process";
    }
  }
};

class IdmappedMount : public UserNamespace {};

TEST_F(UserNamespace, OnesIdsAreTheNodesFromTheFirstOn) {
  const UniqueFd users = make_user_namespace({.outside = kFirst, .count = 65536}).value();
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t pid = fork();
  if (pid == 0) {
    const bool in = setns(users.get(), CLONE_NEWUSER) == 0 && setresuid(7, 7, 7) == 0;
    _exit(write(ends[1], in ? "+" : "-", 1) == 1 && pause() == 0);
  }
  char in = 0;
  EXPECT_EQ(read(ends[0], &in, 1), 1);
  EXPECT_EQ(in, '+');
  EXPECT_THAT(read_file(fmt::format("/proc/{}/status", pid)).value(),
              HasSubstr(fmt::format("Uid:\t{}", kFirst + 7)));
  EXPECT_THAT(read_file(fmt::format("/proc/{}/gid_map", pid)).value(),
              HasSubstr(fmt::format("{}", kFirst)));
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
}

TEST_F(UserNamespace, IsKeptWhereItIsPinned) {
  EXPECT_TRUE(apart([] {
    const fakes::TempFolder folder;
    const Path place = folder / "web.1";
    if (open_pinned_namespace(place) ||
        open_pinned_namespace(place).error().code != Code::not_found) {
      return false;
    }
    ino_t made = 0;
    {
      const UniqueFd users = make_user_namespace({.outside = kFirst, .count = 65536}).value();
      struct stat facts {};
      fstat(users.get(), &facts);
      made = facts.st_ino;
      if (!pin_namespace(users, place) || !pin_namespace(users, place)) {
        return false;
      }
    }
    struct stat facts {};
    const UniqueFd again = open_pinned_namespace(place).value();
    fstat(again.get(), &facts);
    return facts.st_ino == made && unpin_namespace(place) && unpin_namespace(place) &&
           !std::filesystem::exists(place);
  }));
}

TEST_F(UserNamespace, ANetworkNamespaceBelongsToIt) {
  const UniqueFd users = make_user_namespace({.outside = kFirst, .count = 65536}).value();
  const UniqueFd others = make_user_namespace({.outside = kFirst, .count = 65536}).value();
  pid_t inside = 0;
  const Result<> used = with_network_namespace(users, [&](pid_t pid) -> Result<> {
    inside = pid;
    const Path space = fmt::format("/proc/{}/ns/net", pid);
    EXPECT_TRUE(belongs_to(space, users).value());
    EXPECT_FALSE(belongs_to(space, others).value());
    EXPECT_FALSE(belongs_to("/proc/self/ns/net", users).value());
    return fail(Code::conflict, "as it says");
  });
  ASSERT_FALSE(used);
  EXPECT_EQ(used.error().message, "as it says");
  EXPECT_NE(kill(inside, 0), 0);
}

TEST_F(IdmappedMount, WhoeverOwnsAFileInsideOwnsItOnTheDiskByTheSameId) {
  const fakes::TempFolder folder;
  ASSERT_EQ(chmod(folder.path().c_str(), 0711), 0);
  std::filesystem::create_directories(folder / "disk");
  std::filesystem::create_directories(folder / "seen");
  std::ofstream(folder / "disk/roots") << "text";
  std::ofstream(folder / "disk/webs") << "text";
  ASSERT_EQ(chown((folder / "disk/webs").c_str(), 33, 33), 0);
  const Path disk = folder / "disk";
  const Path seen = folder / "seen";
  EXPECT_TRUE(apart([&] {
    const UniqueFd users = make_user_namespace({.outside = kFirst, .count = 65536}).value();
    const UniqueFd source(open(disk.c_str(), O_PATH | O_CLOEXEC));
    const UniqueFd tree = clone_mount(source, false).value();
    if (!map_owners(tree, users, false, disk) || !attach_mount(tree, seen)) {
      return false;
    }
    if (owner_of(seen / "roots") != kFirst || owner_of(seen / "webs") != kFirst + 33 ||
        owner_of(disk / "webs") != 33) {
      return false;
    }
    return setgid(kFirst) == 0 && setuid(kFirst) == 0 && std::ofstream(seen / "made").good();
  }));
  EXPECT_EQ(owner_of(disk / "made"), 0U);
}

TEST_F(IdmappedMount, AFileSystemThatCannotIsNamed) {
  const UniqueFd users = make_user_namespace({.outside = kFirst, .count = 65536}).value();
  const UniqueFd source(open("/proc/sys", O_PATH | O_CLOEXEC));
  const UniqueFd tree = clone_mount(source, false).value();
  const Result<> mapped = map_owners(tree, users, false, "/proc/sys");
  ASSERT_FALSE(mapped);
  EXPECT_EQ(mapped.error().code, Code::refused);
  EXPECT_THAT(mapped.error().message, HasSubstr("map the owners of what is in /proc/sys: "));
}

}  // namespace
}  // namespace drover::system
