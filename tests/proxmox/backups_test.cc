// Backups of guests, and guests made of them, against the simulator.
#include "proxmox/backups.h"

#include <gmock/gmock.h>

#include <fstream>

#include "fakes/sim_node.h"
#include "proxmox/guests.h"

namespace drover::proxmox {
namespace {

using testing::HasSubstr;

constexpr Vmid kOrigin{5000};
constexpr Vmid kCopy{5001};

/// Of a guest that does not run. Roots are folders, so that a test can look into them.
class BackupsTest : public testing::Test {
 protected:
  void SetUp() override {
    node_.add_small_template();
    const GuestRequest request{
        "local:vztmpl/small.tar.gz", "web", "local:0", {}, {}, {"drover", "job-j1"},
        {{"cpulimit", "1.50"}}};
    const auto made = guests_.create(request, kOrigin, kOrigin, {}, stop_);
    ASSERT_TRUE(made) << made.error().message;
    std::ofstream(root_of(kOrigin) / "etc/note") << "kept";
  }
  std::filesystem::path root_of(Vmid vmid) {
    const std::string number = std::to_string(vmid.value);
    return node_.folder() / "local/images" / number / ("subvol-" + number + "-disk-0.subvol");
  }
  Result<> back_up(const std::string& notes) {
    return backups_.make({kOrigin, "local", "snapshot", "zstd", notes}, stop_);
  }
  std::optional<BackupInfo> find(const std::string& notes) {
    return backups_.find("local", kOrigin, notes, stop_).value();
  }

  fakes::SimNode node_;
  std::unique_ptr<Client> client_ = node_.client();
  system::SystemClock clock_;
  Tasks tasks_{*client_, clock_};
  Guests guests_{*client_, tasks_};
  Backups backups_{*client_, tasks_};
  system::Stop stop_;
};

TEST_F(BackupsTest, AGuestMadeOfOneHasItsFilesAndItsConfigurationAndTagsOfItsOwn) {
  const Result<> made = back_up("drover job j2");
  ASSERT_TRUE(made) << made.error().message;
  const auto found = find("drover job j2");
  ASSERT_TRUE(found);
  EXPECT_THAT(found->volid, HasSubstr("local:backup/vzdump-lxc-5000-"));
  EXPECT_GT(found->size_bytes, 0U);
  EXPECT_GT(found->taken_at, 0);
  EXPECT_FALSE(find("drover job j"));

  GuestRequest request{found->volid, "copy", "local:0", {}, {}, {"drover", "job-j3"}, {}};
  request.restore = true;
  const auto copy = guests_.create(request, kCopy, kCopy, {}, stop_);
  ASSERT_TRUE(copy) << copy.error().message;
  std::string note;
  std::ifstream(root_of(kCopy) / "etc/note") >> note;
  EXPECT_EQ(note, "kept");
  EXPECT_FALSE(std::filesystem::exists(root_of(kCopy) / "etc/vzdump"));
  const GuestInfo info = guests_.status(kCopy, stop_).value();
  EXPECT_EQ(info.hostname, "copy");
  EXPECT_EQ(join_tags(info.tags), "drover;job-j3");
  const json::Value config = client_->get("/nodes/pve1/lxc/5001/config", {}, stop_).value();
  EXPECT_EQ(config.at("cpulimit").string_or(""), "1.50");
}

TEST_F(BackupsTest, WhatWasDoneThoughItsAnswerWasLostHasSucceeded) {
  node_.set_fault("lost", 1, "POST /nodes/pve1/vzdump");
  EXPECT_TRUE(back_up("drover job j2"));
  EXPECT_TRUE(find("drover job j2"));
}

TEST_F(BackupsTest, WhyOneHasFailedIsReadFromItsLog) {
  const auto missing = backups_.make({Vmid{4242}, "local", "snapshot", "zstd", "x"}, stop_);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::not_found);
  EXPECT_THAT(missing.error().message, HasSubstr("4242.conf' does not exist"));
  EXPECT_THAT(missing.error().message, testing::Not(HasSubstr("notified")))
      << "whom it has told stands behind";
  EXPECT_EQ(backups_.make({kOrigin, "nowhere", "snapshot", "zstd", "x"}, stop_).error().code,
            Code::not_found);
}

TEST_F(BackupsTest, NoOtherBackupOfTheGuestIsDeletedForIt) {
  const auto older = node_.folder() / "local/dump/vzdump-lxc-5000-2026_01_01-00_00_00.tar.zst";
  std::filesystem::create_directories(older.parent_path());
  std::ofstream(older) << "an admin's";
  std::ofstream(node_.folder() / "local/keep-last-1") << "the storage's retention";
  ASSERT_TRUE(back_up("drover job j2"));
  EXPECT_TRUE(find("drover job j2"));
  EXPECT_TRUE(std::filesystem::exists(older));
}

TEST_F(BackupsTest, NotesThatProxmoxWouldTakeForSomethingElseAreNotSent) {
  for (const char* notes : {"{{node}}", "a\\n", "two\nlines"}) {
    EXPECT_EQ(back_up(notes).error().code, Code::broken) << notes;
  }
}

TEST_F(BackupsTest, OneThatIsBrokenOffLeavesNothing) {
  stop_.request();
  EXPECT_FALSE(back_up("drover job j2"));
  const system::Stop never;
  ASSERT_TRUE(backups_.settle(kOrigin, true, never));
  EXPECT_FALSE(backups_.find("local", kOrigin, "drover job j2", never).value());
}

}  // namespace
}  // namespace drover::proxmox
