// What a job may bind mount: held against the node's policy by name before the job is accepted, and
// by where the name leads when it is mounted.
#include "runtimes/bind_sources.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <filesystem>
#include <fstream>

#include "agent/system/file.h"
#include "fakes/private_mounts.h"
#include "fakes/temp_folder.h"
#include "runtimes/volumes/mount_table.h"

namespace drover::runtimes {
namespace {

using testing::HasSubstr;

class BindSourcesTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* folder : {"data/site", "data/secret", "database", "outside"}) {
      std::filesystem::create_directories(folder_ / folder);
      std::ofstream(folder_ / folder / "text") << folder;
    }
    allowed_ = {{folder_ / "data", false}, {folder_ / "data/secret", true}};
  }
  MountSpec mount(const std::string& source, bool read_only = false) const {
    MountSpec spec;
    spec.source = source.starts_with('/') ? source : (folder_ / source).native();
    spec.target = "/inside";
    spec.read_only = read_only;
    return spec;
  }
  Result<> check(const std::string& source, bool read_only = false) const {
    return check_bind_source(allowed_, mount(source, read_only));
  }
  Result<system::UniqueFd> open_it(const std::string& source, bool read_only = false) const {
    return open_bind_source(allowed_, mount(source, read_only));
  }
  void link(const std::filesystem::path& to, const std::string& at) {
    std::filesystem::create_symlink(to, folder_ / at);
  }
  /// "" when it is opened.
  std::string refusal(const std::string& source, bool read_only = false) const {
    const auto opened = open_it(source, read_only);
    EXPECT_TRUE(opened || opened.error().code == Code::refused) << source;
    return opened ? "" : opened.error().message;
  }

  fakes::TempFolder folder_;
  std::vector<AllowedBind> allowed_;
};

TEST_F(BindSourcesTest, AFreshNodeLetsJobsBindNothing) {
  allowed_ = {};
  EXPECT_EQ(check("data").error().code, Code::refused);
  EXPECT_THAT(check("data").error().message, HasSubstr("policy.binds"));
  EXPECT_EQ(check("/").error().code, Code::refused);
  EXPECT_THAT(refusal("data", true), HasSubstr("(none)"));
}

TEST_F(BindSourcesTest, PrefixesAreHeldAgainstWholeNames) {
  allowed_.pop_back();
  for (const char* source : {"data", "data/", "data/site", "data//site/.", "data/missing"}) {
    EXPECT_TRUE(check(source)) << source;
  }
  for (const char* source : {"database", "dat", "", "data/../outside", "data/site/../../outside",
                             "outside", "/", "/etc"}) {
    EXPECT_FALSE(check(source)) << source;
    EXPECT_NE(refusal(source), "") << source;
  }
  EXPECT_TRUE(open_it("data"));
  EXPECT_TRUE(open_it("data/site/"));
  EXPECT_TRUE(open_it("data/site/text"));
  EXPECT_EQ(open_it("data/missing").error().code, Code::not_found);
}

TEST_F(BindSourcesTest, TheLongestPrefixDecidesWhetherItMayBeWritten) {
  EXPECT_TRUE(check("data/site"));
  EXPECT_FALSE(check("data/secret"));
  EXPECT_FALSE(check("data/secret/text"));
  EXPECT_TRUE(check("data/secret/text", true));
  EXPECT_TRUE(check("data/secrets"));
  std::swap(allowed_[0], allowed_[1]);
  EXPECT_FALSE(check("data/secret"));
  EXPECT_TRUE(check("data/site"));
  EXPECT_THAT(refusal("data/secret"), HasSubstr("read_only"));
}

TEST_F(BindSourcesTest, AFolderThatHoldsAReadOnlyOneIsNotWrittenEither) {
  EXPECT_FALSE(check("data"));
  EXPECT_THAT(refusal("data"), HasSubstr("because of " + (folder_ / "data/secret").native()));
  EXPECT_EQ(refusal("data", true), "");
  EXPECT_EQ(refusal("data/site"), "");
}

TEST_F(BindSourcesTest, ALinkIsFollowedBelowThePrefixOnly) {
  link("site", "data/current");
  link("../data/site", "data/around");
  link("../outside", "data/up");
  link(folder_ / "outside", "data/out");
  link(folder_ / "data/site", "data/absolute");
  link("/proc/self/root", "data/magic");
  EXPECT_EQ(refusal("data/current"), "");
  EXPECT_EQ(refusal("data/current/text"), "");
  for (const char* source : {"data/around", "data/up", "data/out", "data/out/text", "data/absolute",
                             "data/magic", "data/magic/etc"}) {
    EXPECT_TRUE(check(source)) << source;  // by its name it is below
    EXPECT_THAT(refusal(source), HasSubstr("a link on the way leads out of")) << source;
  }
}

TEST_F(BindSourcesTest, ALinkDoesNotOpenAReadOnlyFolderForWriting) {
  link("secret", "data/write-here");
  EXPECT_TRUE(check("data/write-here"));
  EXPECT_THAT(refusal("data/write-here"), HasSubstr("read_only"));
  EXPECT_EQ(refusal("data/write-here", true), "");
  // Also where it leads from one prefix into another that lies elsewhere by its name.
  std::filesystem::create_directory_symlink(folder_ / "data/secret", folder_ / "alias");
  allowed_ = {{folder_ / "data", false}, {folder_ / "alias", true}};
  EXPECT_THAT(refusal("data/secret"), HasSubstr("read_only"));
  EXPECT_EQ(refusal("data/site"), "");
}

TEST_F(BindSourcesTest, ThePrefixMayItselfBeALink) {
  std::filesystem::create_directory_symlink(folder_ / "data", folder_ / "link");
  allowed_ = {{folder_ / "link", false}};
  EXPECT_EQ(refusal("link/site"), "");
  EXPECT_EQ(refusal("link"), "");
  EXPECT_NE(refusal("data/site"), "");
}

// By a container that has the folder above, or has had it before the inner one was named.
TEST_F(BindSourcesTest, APrefixInOneThatMayBeWrittenDoesNotLeadOutOfThatByALink) {
  for (const bool read_only : {false, true}) {
    allowed_ = {{folder_ / "data", false}, {folder_ / "data/site", read_only}};
    std::filesystem::remove_all(folder_ / "data/site");
    for (const path& to : {folder_ / "outside", path("../outside"), path("/etc")}) {
      link(to, "data/site");
      EXPECT_THAT(refusal("data/site", read_only), HasSubstr("leads out of")) << to;
      EXPECT_THAT(refusal("data/site/text", read_only), HasSubstr("leads out of")) << to;
      std::filesystem::remove(folder_ / "data/site");
    }
    std::filesystem::create_directories(folder_ / "data/moved");
    link("moved", "data/site");
    EXPECT_EQ(refusal("data/site", read_only), "") << "below it";
    std::filesystem::remove(folder_ / "data/site");
  }
}

TEST_F(BindSourcesTest, TheRootAllowsWhateverThereIs) {
  link(folder_ / "outside", "data/out");
  allowed_ = {{"/", true}};
  EXPECT_EQ(refusal("data/out", true), "");
  EXPECT_EQ(refusal("/", true), "");
  EXPECT_NE(refusal("data/out", false), "");
}

TEST_F(BindSourcesTest, WhatWasOpenedIsMountedWhateverStandsInItsPlaceLater) {
  const auto opened = open_it("data/site");
  ASSERT_TRUE(opened);
  std::filesystem::rename(folder_ / "data/site", folder_ / "data/was");
  link(folder_ / "outside", "data/site");
  const path place = folder_ / "place";
  ASSERT_TRUE(mount_bind(*opened, place, false));
  EXPECT_EQ(system::read_file(place / "text").value_or(""), "data/site");
  ASSERT_TRUE(mount_bind(*opened, place, false));
  struct statvfs found {};
  ASSERT_EQ(statvfs(place.c_str(), &found), 0);
  EXPECT_EQ(found.f_flag & (ST_NOSUID | ST_NODEV | ST_RDONLY), +ST_NOSUID | +ST_NODEV);
  ASSERT_TRUE(unmount_bind(place));
  EXPECT_FALSE(std::filesystem::exists(place));
  EXPECT_TRUE(std::filesystem::exists(folder_ / "data/was/text"));
  ASSERT_TRUE(unmount_bind(place));
}

TEST_F(BindSourcesTest, AFileIsMountedAtAFile) {
  const auto opened = open_it("data/secret/text", true);
  ASSERT_TRUE(opened);
  const path place = folder_ / "places/0";
  ASSERT_TRUE(mount_bind(*opened, place, true));
  EXPECT_EQ(system::read_file(place).value_or(""), "data/secret");
  EXPECT_LT(::open(place.c_str(), O_WRONLY | O_CLOEXEC), 0);
  ASSERT_TRUE(unmount_bind(place));
  EXPECT_FALSE(std::filesystem::exists(place));
  EXPECT_EQ(system::read_file(folder_ / "data/secret/text").value_or(""), "data/secret");
}

TEST_F(BindSourcesTest, ReadOnlyIsAlsoWhatIsMountedBelow) {
  const path below = folder_ / "data/site/below";
  std::filesystem::create_directories(below);
  ASSERT_EQ(::mount("none", below.c_str(), "tmpfs", 0, nullptr), 0);
  const path place = folder_ / "place";
  ASSERT_TRUE(mount_bind(*open_it("data/site", true), place, true));
  EXPECT_TRUE(is_mounted(place / "below").value());
  EXPECT_LT(::open((place / "below/file").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600), 0);
  EXPECT_EQ(errno, EROFS);
  // It goes with it, and the node's own stays.
  ASSERT_TRUE(unmount_bind(place));
  EXPECT_TRUE(is_mounted(below).value());
  ASSERT_EQ(umount2(below.c_str(), MNT_DETACH), 0);
}

}  // namespace
}  // namespace drover::runtimes
