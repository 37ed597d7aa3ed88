// Volumes on a thin pool of LVM: real logical volumes on a loop device, activated and grown by
// drover-storage. Needs a kernel with device-mapper: tests/integration/lvm_thin_vm has one.
#include <gmock/gmock.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <fstream>

#include "fakes/fake_clock.h"
#include "fakes/fake_proxmox.h"
#include "fakes/node_storage_module.h"
#include "fakes/private_mounts.h"
#include "loop_device.h"
#include "runtimes/volumes/mount_table.h"
#include "runtimes/volumes/proxmox_volumes.h"

namespace drover::runtimes {
namespace {

class LvmThinTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists("/dev/mapper/control")) {
      GTEST_SKIP() << "this kernel has no device-mapper; tests/integration/lvm_thin_vm boots one "
                      "that has";
    }
    std::ofstream(disk_).close();
    std::filesystem::resize_file(disk_, 512U << 20U);
    device_ = std::make_unique<LoopDevice>(disk_);
    run({"vgcreate", group_, device_->path().native()});
    run({"lvcreate", "--type", "thin-pool", "-L", "256M", "-n", "data", group_});
    module_.add_storage("thin", "lvmthin", "/dev/" + group_, group_);
    api_.storages["thin"].type = "lvmthin";
  }
  void TearDown() override {
    if (device_) {
      umount2(target_.c_str(), MNT_DETACH);
      run({"vgremove", "-f", group_});
      device_.reset();
    }
  }
  void run(const std::vector<std::string>& argv) {
    const auto ran = system::run_ok(argv, stop_);
    ASSERT_TRUE(ran) << to_text(ran.error());
  }
  /// As the API makes it: a thin volume that nothing but Proxmox activates.
  Volume allocated(std::uint64_t mib) {
    const std::string name = "vm-" + proxmox_volume_name(Vmid{999'000'000}, name_, job_, "data");
    run({"lvcreate", "-V", std::to_string(mib) + "M", "-T", group_ + "/data", "-n", name, "-k",
         "y"});
    return {"data", "thin", "thin:" + name, "/dev/" + group_ + "/" + name, VolumeKind::block, mib};
  }
  std::uint64_t mib_mounted() {
    struct statvfs found {};
    EXPECT_EQ(statvfs(target_.c_str(), &found), 0);
    return found.f_blocks * found.f_frsize >> 20U;
  }

  fakes::TempFolder folder_;
  const Path disk_ = folder_ / "disk";
  const Path target_ = folder_ / "mnt";
  const std::string group_ = "drover-thin-" + std::to_string(getpid());
  std::unique_ptr<LoopDevice> device_;
  fakes::NodeStorageModule module_;
  fakes::FakeProxmox api_{folder_ / "proxmox"};
  fakes::FakeClock clock_;
  ProxmoxVolumes volumes_{api_, clock_, Vmid{999'000'000}, module_.program()};
  system::Stop stop_;
  const ContainerName name_ = ContainerName::parse("web-1").value();
  const JobId job_ = JobId::parse("job.1").value();
};

TEST_F(LvmThinTest, AVolumeIsActivatedMountedAndGrown) {
  const Volume volume = allocated(18);
  // As after a reboot.
  run({"vgchange", "-an", group_});
  EXPECT_FALSE(std::filesystem::exists(volume.path));

  const auto active = volumes_.activate(volume, stop_);
  ASSERT_TRUE(active) << to_text(active.error());
  EXPECT_TRUE(std::filesystem::is_block_file(active->path));
  ASSERT_TRUE(mount_volume(*active, target_, stop_));
  EXPECT_LE(mib_mounted(), 20U);
  ASSERT_TRUE(system::write_atomically(target_ / "text", "kept"));
  ASSERT_TRUE(unmount_volume(target_, stop_));

  // What is thin has extents of the group's size: 4 MiB.
  EXPECT_EQ(volumes_.grow(volume, 61, stop_).value(), 64U);
  EXPECT_EQ(volumes_.grow(volume, 61, stop_).value(), 64U);
  run({"vgchange", "-an", group_});
  const Volume again = volumes_.activate(volume, stop_).value();
  const auto grown = grow_file_system(again, folder_ / "lock", stop_);
  ASSERT_TRUE(grown) << to_text(grown.error());
  ASSERT_TRUE(mount_volume(again, target_, stop_));
  EXPECT_GT(mib_mounted(), 48U);
  EXPECT_EQ(system::read_file(target_ / "text").value(), "kept");
  ASSERT_TRUE(unmount_volume(target_, stop_));
}

TEST_F(LvmThinTest, AVolumeThatIsGoneIsNotFound) {
  Volume volume = allocated(16);
  run({"lvremove", "-f", group_ + "/" + volume.path.filename().native()});
  EXPECT_EQ(volumes_.activate(volume, stop_).error().code, Code::not_found);
}

}  // namespace
}  // namespace drover::runtimes
