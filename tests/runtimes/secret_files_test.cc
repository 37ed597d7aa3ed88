// Secrets as a runtime finds them: in memory, read-only, each as its spec says, and for a moment
// only.
#include "runtimes/secret_files.h"

#include <gmock/gmock.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <filesystem>
#include <fstream>

#include "agent/system/secret_store.h"
#include "fakes/private_mounts.h"
#include "fakes/temp_folder.h"
#include "runtimes/volumes/mount_table.h"

namespace drover::runtimes {
namespace {

using testing::HasSubstr;

class SecretFilesTest : public testing::Test {
 protected:
  void SetUp() override {
    layout_.state = folder_ / "state";
    layout_.run = folder_ / "run";
    std::filesystem::create_directories(layout_.state);
    std::filesystem::create_directories(layout_.run);
    ASSERT_TRUE(store().write("key", "value of key", false));
  }
  system::SecretStore store() const { return system::SecretStore(layout_.secret_store()); }
  static Container container(std::vector<SecretSpec> secrets) {
    ContainerSpec spec;
    spec.secrets = std::move(secrets);
    return {ContainerName::parse("web-1").value(),
            JobId::parse("job-1").value(),
            RuntimeKind::runc,
            std::move(spec),
            {},
            {},
            {},
            {},
            std::nullopt};
  }

  fakes::TempFolder folder_;
  Layout layout_;
  const Path place_ = folder_ / "run/secrets/web-1";
};

TEST_F(SecretFilesTest, StandInMemoryAsTheSpecSaysAndGoAgain) {
  {
    const auto laid = lay_out_secrets(
        layout_, container({{"key", "", 0, 0, "444"}, {"key", "/etc/key", 33, 34, "400"}}));
    ASSERT_TRUE(laid) << to_text(laid.error());
    EXPECT_EQ(system::read_file(place_ / "0").value(), "value of key");
    struct stat own {};
    ASSERT_EQ(stat((place_ / "1").c_str(), &own), 0);
    EXPECT_EQ(own.st_uid, 33U);
    EXPECT_EQ(own.st_gid, 34U);
    EXPECT_EQ(own.st_mode & 07777U, 0400U);
    struct statfs facts {};
    ASSERT_EQ(statfs(place_.c_str(), &facts), 0);
    EXPECT_EQ(facts.f_type, TMPFS_MAGIC);
    // What statfs(2) calls ST_RDONLY and so on.
    constexpr long kFlags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
    EXPECT_EQ(facts.f_flags & kFlags, kFlags);
    EXPECT_LE(facts.f_blocks * static_cast<std::uint64_t>(facts.f_bsize), 16U << 10U);
    ASSERT_EQ(stat(place_.c_str(), &own), 0);
    EXPECT_EQ(own.st_mode & 07777U, 0700U) << "nobody on the node passes through";
  }
  EXPECT_FALSE(std::filesystem::exists(place_));
  EXPECT_FALSE(is_mounted(place_).value());
}

// As a runtime does: what is mounted elsewhere stays when it is taken away from here.
TEST_F(SecretFilesTest, WhoHasMountedThemKeepsThem) {
  const Path inside = folder_ / "inside";
  std::ofstream(inside).close();
  {
    const auto laid = lay_out_secrets(layout_, container({{"key", "", 0, 0, "444"}}));
    ASSERT_TRUE(laid);
    ASSERT_EQ(mount((place_ / "0").c_str(), inside.c_str(), nullptr, MS_BIND, nullptr), 0);
  }
  EXPECT_FALSE(std::filesystem::exists(place_));
  EXPECT_EQ(system::read_file(inside).value(), "value of key");
  ASSERT_EQ(umount2(inside.c_str(), 0), 0);
  EXPECT_EQ(system::read_file(inside).value(), "");
}

TEST_F(SecretFilesTest, OneThatIsNotThereIsNamedAndNothingIsLaidOut) {
  const auto laid = lay_out_secrets(
      layout_, container({{"key", "", 0, 0, "444"}, {"other", "/etc/other", 0, 0, "444"}}));
  ASSERT_FALSE(laid);
  EXPECT_EQ(laid.error().code, Code::not_found);
  EXPECT_THAT(laid.error().message, HasSubstr("no secret other"));
  EXPECT_FALSE(std::filesystem::exists(place_));
  EXPECT_TRUE(lay_out_secrets(layout_, container({}))) << "who names none needs no folder";
  EXPECT_FALSE(std::filesystem::exists(layout_.laid_out_secrets()));
}

TEST_F(SecretFilesTest, WhatAnEndedAgentHasLeftGoes) {
  std::filesystem::create_directories(place_);
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(mount("tmpfs", place_.c_str(), "tmpfs", 0, nullptr), 0);
    std::ofstream(place_ / "0") << "old";
  }
  {
    const auto laid = lay_out_secrets(layout_, container({{"key", "", 0, 0, "444"}}));
    ASSERT_TRUE(laid) << to_text(laid.error());
    EXPECT_EQ(system::read_file(place_ / "0").value(), "value of key");
  }
  std::filesystem::create_directories(place_);
  ASSERT_EQ(mount("tmpfs", place_.c_str(), "tmpfs", 0, nullptr), 0);
  EXPECT_TRUE(forget_laid_out_secrets(layout_));
  EXPECT_FALSE(std::filesystem::exists(place_));
}

}  // namespace
}  // namespace drover::runtimes
