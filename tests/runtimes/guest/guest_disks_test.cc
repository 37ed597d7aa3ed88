// The runtime's disks of a guest that does not run, against the simulator.
#include "proxmox/guest_disks.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>

#include "agent/system/child.h"
#include "fakes/sim_node.h"
#include "runtimes/guest/guest_runtime.h"

namespace drover::runtimes {
namespace {

using testing::HasSubstr;

TEST(DiskBytesTest, AreReadInEveryUnit) {
  EXPECT_EQ(proxmox::disk_bytes("local:1/vm-1-disk-0.raw,size=102M"), 102U << 20);
  EXPECT_EQ(proxmox::disk_bytes("local:1/vm-1-disk-0.raw,mp=/d,size=2G,ro=1"), 2U << 30);
  EXPECT_EQ(proxmox::disk_bytes("s:x,size=1.5G"), 1536U << 20);
  EXPECT_EQ(proxmox::disk_bytes("s:x,size=3T"), std::uint64_t{3} << 40);
  EXPECT_EQ(proxmox::disk_bytes("s:x,size=512K"), 512U << 10);
  EXPECT_EQ(proxmox::disk_bytes("s:x,size=1000"), 1000U);
  for (const char* none : {"", "s:x", "s:x,size=", "s:x,size=x", "s:x,size=1GB", "s:x,size=0T"}) {
    EXPECT_EQ(proxmox::disk_bytes(none), 0U) << none;
  }
}

class GuestDisksTest : public testing::Test {
 protected:
  void SetUp() override {
    node_.add_small_template();
    web_.spec.image = "local:vztmpl/small.tar.gz";
    web_.spec.resources.disk_mib = 20;
    web_.spec.volumes = {{"log", "/log", "local", 8, false}, {"data", "/data", "fast", 8, false}};
    const auto made = runtime_.create(web_, stop_);
    ASSERT_TRUE(made) << to_text(made.error());
  }
  /// MiB that the file system on the disk has, which shows that it has grown with it.
  std::uint64_t file_system_of(const std::string& file) {
    const std::string told =
        system::run_ok({"dumpe2fs", "-h", (node_.folder() / file).string()}, stop_).value();
    const auto number = [&told](const char* key) {
      return std::strtoull(told.c_str() + told.find(key) + std::string_view(key).size(), nullptr,
                           10);
    };
    return number("Block count:") * number("Block size:") >> 20U;
  }

  fakes::SimNode node_{std::vector<std::string>{"--storage", "fast:btrfs"}};
  std::unique_ptr<proxmox::Client> client_ = node_.client();
  system::SystemClock clock_;
  GuestRuntime runtime_{
      *client_, clock_, {"fast", 16, Vmid{5000}, Vmid{5002}, node_.folder() / "lxc", "", "fast"}};
  Stop stop_;
  Container web_{ContainerName::parse("web").value(),
                 JobId::parse("j1").value(),
                 RuntimeKind::pve_lxc,
                 {},
                 {},
                 {},
                 {},
                 {},
                 {}};
};

TEST_F(GuestDisksTest, AreAsLargeAsTheSpecSays) {
  const DiskSizes sizes = runtime_.provided(web_, stop_).value().sizes;
  EXPECT_EQ(sizes.root, 20U);
  EXPECT_EQ(sizes.volumes, (std::map<std::string, std::uint64_t>{{"log", 8}, {"data", 8}}));
}

TEST_F(GuestDisksTest, GrowWithTheirFileSystems) {
  for (const char* run : {"first", "again"}) {
    const auto root = runtime_.disks()->grow(web_, "", 32, stop_);
    ASSERT_TRUE(root) << run << to_text(root.error());
    const auto data = runtime_.disks()->grow(web_, "data", 24, stop_);
    ASSERT_TRUE(data) << run << to_text(data.error());
  }
  const DiskSizes sizes = runtime_.disks()->disk_sizes(web_, stop_).value();
  EXPECT_EQ(sizes.root, 32U);
  EXPECT_EQ(sizes.volumes, (std::map<std::string, std::uint64_t>{{"log", 8}, {"data", 24}}));
  EXPECT_EQ(file_system_of("fast/images/5000/vm-5000-disk-0/disk.raw"), 32U);
  EXPECT_EQ(file_system_of("fast/images/5000/vm-5000-disk-1/disk.raw"), 24U);
}

TEST_F(GuestDisksTest, NeverShrinkAndTheApiIsNotEvenAsked) {
  const auto smaller = runtime_.disks()->grow(web_, "data", 4, stop_);
  ASSERT_FALSE(smaller);
  EXPECT_EQ(smaller.error().code, Code::refused);
  EXPECT_THAT(smaller.error().message, HasSubstr("has 8 MiB, and disks only grow"));
  EXPECT_EQ(runtime_.disks()->grow(web_, "date", 4, stop_).error().code, Code::not_found);
}

TEST_F(GuestDisksTest, OneWhoseFileSystemCouldNotGrowIsToldThoughTheAnswerIsLostOrTheAgentEnded) {
  const auto file = node_.folder() / "fast/images/5000/vm-5000-disk-0/disk.raw";
  ASSERT_TRUE(runtime_.disks()->check_grown(web_, "", 20, stop_));
  std::fstream(file, std::ios::in | std::ios::out | std::ios::binary)
      << std::string(20 << 20, '\0');
  node_.set_fault("lost", 1, "PUT /nodes/pve1/lxc/5000/resize");
  const auto grown = runtime_.disks()->grow(web_, "", 32, stop_);
  ASSERT_FALSE(grown);
  EXPECT_EQ(grown.error().code, Code::broken) << to_text(grown.error());
  EXPECT_THAT(grown.error().message, HasSubstr("has 32 MiB now, but Proxmox could not grow"));
  // As the next agent asks that finds it begun.
  EXPECT_EQ(runtime_.disks()->check_grown(web_, "", 32, stop_).error().code, Code::broken);
  EXPECT_TRUE(runtime_.disks()->check_grown(web_, "", 40, stop_));
  ASSERT_TRUE(runtime_.disks()->grow(web_, "data", 24, stop_));
  EXPECT_TRUE(runtime_.disks()->check_grown(web_, "data", 24, stop_));
}

TEST_F(GuestDisksTest, OneThatProxmoxWasEndedAtIsTold) {
  std::filesystem::resize_file(node_.folder() / "fast/images/5000/vm-5000-disk-0/disk.raw",
                               32U << 20U);
  const auto grown = runtime_.disks()->grow(web_, "", 32, stop_);
  ASSERT_FALSE(grown);
  EXPECT_EQ(grown.error().code, Code::conflict);
  EXPECT_THAT(grown.error().message, HasSubstr("pct rescan --vmid 5000"));
}

TEST_F(GuestDisksTest, ARollbackBringsBackTheSizesOfThen) {
  // The folder of the volume "log" keeps no snapshots.
  ASSERT_TRUE(client_->put("/nodes/pve1/lxc/5000/config", {{"delete", "mp0"}}, stop_));
  ASSERT_TRUE(runtime_.snapshots()->take_snapshot(web_, "one", JobId::parse("j2").value(), stop_));
  ASSERT_TRUE(runtime_.disks()->grow(web_, "", 32, stop_));
  const auto back = runtime_.snapshots()->roll_back(web_, "one", stop_);
  ASSERT_TRUE(back) << to_text(back.error());
  EXPECT_EQ(runtime_.disks()->disk_sizes(web_, stop_).value().root, 20U);
  EXPECT_EQ(file_system_of("fast/images/5000/vm-5000-disk-0/disk.raw"), 20U);
}

TEST_F(GuestDisksTest, ABackupsRootIsGrownToWhatTheNewSpecSays) {
  const auto made = runtime_.backups()->make_backup(web_, {"local", "snapshot", "zstd"},
                                                    JobId::parse("j2").value(), stop_);
  ASSERT_TRUE(made) << to_text(made.error());
  Container copy = web_;
  copy.name = ContainerName::parse("copy").value();
  copy.job = JobId::parse("j3").value();
  copy.spec.image = made->id;
  copy.spec.volumes.clear();
  copy.spec.resources.disk_mib = 40;
  const auto restored = runtime_.create(copy, stop_);
  ASSERT_TRUE(restored) << to_text(restored.error());
  EXPECT_EQ(runtime_.disks()->disk_sizes(copy, stop_).value().root, 40U);
  EXPECT_EQ(file_system_of("fast/images/5001/vm-5001-disk-0/disk.raw"), 40U);
}

}  // namespace
}  // namespace drover::runtimes
