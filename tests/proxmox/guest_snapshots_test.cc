// Snapshots of guests against the simulator.
#include "proxmox/guest_snapshots.h"

#include <gmock/gmock.h>

#include <fstream>

#include "fakes/sim_node.h"

namespace drover::proxmox {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr Vmid kGuest{5000};

/// A guest that does not run. Its root is a folder, so that a test can look into it.
class GuestSnapshotsTest : public testing::Test {
 protected:
  void make_guest(const std::string& storage) {
    node_.add_small_template();
    const GuestRequest request{"local:vztmpl/small.tar.gz", "web", storage + ":0", {}, {}, {}, {}};
    const auto made = guests_.create(request, kGuest, kGuest, {}, stop_);
    ASSERT_TRUE(made) << made.error().message;
    root_ = node_.folder() / storage / "images/5000/subvol-5000-disk-0.subvol";
  }
  void write(const std::string& text) { std::ofstream(root_ / "etc/note") << text; }
  std::string read() {
    std::string text;
    std::ifstream(root_ / "etc/note") >> text;
    return text;
  }
  std::vector<std::string> names() {
    std::vector<std::string> names;
    const GuestSnapshots found = snapshots_.list(kGuest, stop_).value();
    for (const GuestSnapshot& snapshot : found.all) {
      names.push_back(snapshot.name);
    }
    return names;
  }

  fakes::SimNode node_{std::vector<std::string>{"--storage", "fast:btrfs"}};
  std::unique_ptr<Client> client_ = node_.client();
  system::SystemClock clock_;
  Tasks tasks_{*client_, clock_};
  Guests guests_{*client_, tasks_};
  SnapshotCalls snapshots_{*client_, tasks_, guests_};
  system::Stop stop_;
  std::filesystem::path root_;
};

TEST_F(GuestSnapshotsTest, ARollbackBringsBackWhatWasThere) {
  make_guest("fast");
  write("first");
  ASSERT_TRUE(snapshots_.take(kGuest, "one", "drover job j1", stop_));
  write("second");
  ASSERT_TRUE(snapshots_.take(kGuest, "two", "drover job j2", stop_));
  const GuestSnapshots found = snapshots_.list(kGuest, stop_).value();
  ASSERT_EQ(found.all.size(), 2U);
  EXPECT_EQ(found.parent, "two");
  EXPECT_EQ(found.all.at(1).parent, "one");
  EXPECT_EQ(found.all.at(0).description, "drover job j1") << "without Proxmox's line end";
  EXPECT_TRUE(found.all.at(0).whole);
  EXPECT_GT(found.all.at(0).taken_at, 0);

  ASSERT_TRUE(snapshots_.roll_back(kGuest, "one", stop_));
  EXPECT_EQ(read(), "first");
  EXPECT_EQ(snapshots_.list(kGuest, stop_).value().parent, "one");

  ASSERT_TRUE(snapshots_.remove(kGuest, "one", stop_));
  EXPECT_THAT(names(), ElementsAre("two"));
  EXPECT_EQ(read(), "first");
  ASSERT_TRUE(snapshots_.remove(kGuest, "one", stop_)) << "absent is success";
}

TEST_F(GuestSnapshotsTest, AStorageThatKeepsNoneRefuses) {
  make_guest("local");
  const auto taken = snapshots_.take(kGuest, "one", "drover job j1", stop_);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, Code::refused) << taken.error().message;
  EXPECT_THAT(taken.error().message, HasSubstr("snapshot feature is not available"));
  EXPECT_TRUE(guests_.status(kGuest, stop_).value().lock.empty());
}

TEST_F(GuestSnapshotsTest, ANameIsUsedOnceAndOneThatIsNotThereIsNotFound) {
  make_guest("fast");
  ASSERT_TRUE(snapshots_.take(kGuest, "one", "drover job j1", stop_));
  EXPECT_EQ(snapshots_.take(kGuest, "one", "drover job j2", stop_).error().code, Code::conflict);
  EXPECT_EQ(snapshots_.roll_back(kGuest, "two", stop_).error().code, Code::not_found);
  EXPECT_EQ(snapshots_.take(Vmid{4242}, "one", "", stop_).error().code, Code::not_found);
}

TEST_F(GuestSnapshotsTest, WhatWasDoneThoughItsAnswerWasLostHasSucceeded) {
  make_guest("fast");
  write("first");
  node_.set_fault("lost", 1, "POST /nodes/pve1/lxc/5000/snapshot");
  EXPECT_TRUE(snapshots_.take(kGuest, "one", "drover job j1", stop_));
  EXPECT_THAT(names(), ElementsAre("one"));
  write("second");
  node_.set_fault("lost", 2, "POST /nodes/pve1/lxc/5000/snapshot/one/rollback");
  EXPECT_TRUE(snapshots_.roll_back(kGuest, "one", stop_));
  EXPECT_EQ(read(), "first");
  node_.set_fault("lost", 1, "DELETE /nodes/pve1/lxc/5000/snapshot/one");
  EXPECT_TRUE(snapshots_.remove(kGuest, "one", stop_));
  EXPECT_TRUE(names().empty());
}

TEST_F(GuestSnapshotsTest, WhatIsStillLostAfterThreeTimesCanBeTriedAgain) {
  make_guest("fast");
  ASSERT_TRUE(snapshots_.take(kGuest, "one", "drover job j1", stop_));
  node_.set_fault("lost", 3, "POST /nodes/pve1/lxc/5000/snapshot/one/rollback");
  EXPECT_EQ(snapshots_.roll_back(kGuest, "one", stop_).error().code, Code::unavailable);
  EXPECT_TRUE(snapshots_.roll_back(kGuest, "one", stop_));
}

TEST_F(GuestSnapshotsTest, ALockThatWasWaitedForInVainCanBeTriedAgain) {
  make_guest("fast");
  node_.set_fault("lock", 1, "vzsnapshot");
  EXPECT_EQ(snapshots_.take(kGuest, "one", "drover job j1", stop_).error().code, Code::unavailable);
  EXPECT_TRUE(snapshots_.take(kGuest, "one", "drover job j1", stop_));
}

TEST_F(GuestSnapshotsTest, ADeletionThatDidNotFindItsStorageHasNotSucceeded) {
  make_guest("fast");
  ASSERT_TRUE(snapshots_.take(kGuest, "one", "drover job j1", stop_));
  node_.set_fault("nogroup", 1, "vzdelsnapshot");
  const auto removed = snapshots_.remove(kGuest, "one", stop_);
  ASSERT_FALSE(removed);
  EXPECT_THAT(removed.error().message, HasSubstr("Volume group \"pve\" not found"));
  EXPECT_THAT(names(), ElementsAre("one"));
  EXPECT_TRUE(snapshots_.remove(kGuest, "one", stop_));
}

}  // namespace
}  // namespace drover::proxmox
