#include "runtimes/volumes/proxmox_volumes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>

#include "fakes/fake_clock.h"
#include "fakes/fake_proxmox.h"
#include "fakes/private_mounts.h"
#include "fakes/temp_folder.h"
#include "loop_device.h"

namespace drover::runtimes {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class ProxmoxVolumesTest : public testing::Test {
 protected:
  Volume allocated() {
    auto made = volumes_.allocate(name_, job_, spec_, stop_);
    EXPECT_TRUE(made) << (made ? "" : to_text(made.error()));
    return made.value_or(Volume{});
  }

  fakes::TempFolder folder_;
  fakes::FakeProxmox api_{folder_.path()};
  fakes::FakeClock clock_;
  ProxmoxVolumes volumes_{api_, clock_, Vmid{999'000'000}};
  system::Stop stop_;
  const ContainerName name_ = ContainerName::parse("web-1").value();
  const JobId job_ = JobId::parse("job.1").value();
  const VolumeSpec spec_{"data", "/data", "local", 8, false};
};

TEST_F(ProxmoxVolumesTest, AVolumeOfFilesIsAnImage) {
  const Volume made = allocated();
  EXPECT_EQ(made.kind, VolumeKind::image);
  EXPECT_EQ(made.storage, "local");
  EXPECT_THAT(made.id, StartsWith("local:999000000/vm-999000000-web-1-data-"));
  EXPECT_TRUE(made.id.ends_with(".raw"));
  EXPECT_EQ(std::filesystem::file_size(made.path), 8U << 20);
}

TEST_F(ProxmoxVolumesTest, AnImageCanBeMountedUsedAndReleased) {
  const Volume made = allocated();
  const Path target = folder_ / "mnt";
  ASSERT_TRUE(mount_volume(made, target, stop_));
  ASSERT_TRUE(system::write_atomically(target / "file", "x"));
  ASSERT_TRUE(unmount_volume(target, stop_));
  ASSERT_TRUE(volumes_.release(made, stop_));
  EXPECT_FALSE(std::filesystem::exists(made.path));
}

TEST_F(ProxmoxVolumesTest, ALogicalVolumeIsABlockDeviceWithoutExtension) {
  VolumeSpec spec = spec_;
  spec.storage = "local-lvm";
  // The fake keeps it as a file; the device of a volume that is not active is not there.
  const std::string volid =
      "local-lvm:vm-" + proxmox_volume_name(Vmid{999'000'000}, name_, job_, "data");
  api_.storages["local-lvm"].volumes[volid] = "/dev/drover-no-group/x";
  const auto found = volumes_.find(name_, job_, spec, stop_);
  ASSERT_TRUE(found) << to_text(found.error());
  EXPECT_EQ(found->kind, VolumeKind::block);
  EXPECT_EQ(found->id, volid);
}

TEST_F(ProxmoxVolumesTest, OnZfsItIsADatasetOfTheSizeThatWasAsked) {
  api_.storages["tank"].type = "zfspool";
  VolumeSpec spec = spec_;
  spec.storage = "tank";
  const auto made = volumes_.allocate(name_, job_, spec, stop_);
  ASSERT_TRUE(made) << to_text(made.error());
  EXPECT_EQ(made->kind, VolumeKind::dataset);
  EXPECT_THAT(made->id, StartsWith("tank:subvol-999000000-web-1-data-"));
  EXPECT_EQ(made->size_mib, 8U);
  EXPECT_EQ(volumes_.find(name_, job_, spec, stop_).value().id, made->id);
  const std::vector<FoundVolume> found = volumes_.inventory(stop_).value().volumes;
  ASSERT_EQ(found.size(), 1U);
  EXPECT_TRUE(volumes_.release_found(found.front(), stop_));
  EXPECT_TRUE(api_.storages["tank"].volumes.empty());
}

TEST_F(ProxmoxVolumesTest, AStorageThatHoldsNoVolumesIsRefusedBeforeAnythingIsAsked) {
  api_.storages["archive"].type = "pbs";
  VolumeSpec spec = spec_;
  spec.storage = "archive";
  const auto refused = volumes_.allocate(name_, job_, spec, stop_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::refused);
  EXPECT_THAT(refused.error().message, HasSubstr("of type pbs"));
  EXPECT_THAT(api_.requests, testing::ElementsAre("GET /nodes/pve1/storage"));
}

TEST_F(ProxmoxVolumesTest, FindSeesOnlyWhatTheSameJobMade) {
  EXPECT_EQ(volumes_.find(name_, job_, spec_, stop_).error().code, Code::not_found);
  const Volume made = allocated();
  const auto found = volumes_.find(name_, job_, spec_, stop_);
  ASSERT_TRUE(found) << to_text(found.error());
  EXPECT_EQ(found->id, made.id);
  EXPECT_EQ(found->path, made.path);
  EXPECT_EQ(volumes_.find(name_, JobId::parse("job.2").value(), spec_, stop_).error().code,
            Code::not_found);
  VolumeSpec other = spec_;
  other.name = "logs";
  EXPECT_EQ(volumes_.find(name_, job_, other, stop_).error().code, Code::not_found);
}

TEST_F(ProxmoxVolumesTest, AVolumeWhoseAnswerWasLostIsLookedFor) {
  const Error lost{Code::timed_out, "the connection was lost", {}};
  api_.fail_next("POST /nodes/pve1/storage/local/content", lost, false);
  const auto made = volumes_.allocate(name_, job_, spec_, stop_);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Code::unavailable) << made.error().message;
  api_.fail_next("POST /nodes/pve1/storage/local/content", lost, true);
  ASSERT_TRUE(volumes_.allocate(name_, job_, spec_, stop_));
  EXPECT_EQ(api_.storages["local"].volumes.size(), 1U);
}

TEST_F(ProxmoxVolumesTest, OneThatCannotBeMappedIsFoundAndFreed) {
  // Of Ceph: it is made, and its answer lost, by a node that cannot map it.
  api_.storages["ceph"].type = "rbd";
  api_.storages["ceph"].devices = folder_ / "devices";
  VolumeSpec spec = spec_;
  spec.storage = "ceph";
  EXPECT_EQ(volumes_.allocate(name_, job_, spec, stop_).error().code, Code::refused);
  EXPECT_TRUE(api_.storages["ceph"].volumes.empty());
  api_.fail_next("POST /nodes/pve1/storage/ceph/content", Error{Code::timed_out, "lost", {}}, true);
  (void)volumes_.allocate(name_, job_, spec, stop_).has_value();
  ASSERT_EQ(api_.storages["ceph"].volumes.size(), 1U);
  const auto found = volumes_.find(name_, job_, spec, stop_);
  ASSERT_TRUE(found) << to_text(found.error());
  const auto active = volumes_.activate(*found, stop_);
  ASSERT_FALSE(active);
  EXPECT_THAT(active.error().message, HasSubstr("there is nothing at rbd:pool/"));
  EXPECT_TRUE(volumes_.release(*found, stop_));
  EXPECT_TRUE(api_.storages["ceph"].volumes.empty());
}

TEST_F(ProxmoxVolumesTest, AReleaseWhoseAnswerWasLostIsAskedForAgain) {
  const Error lost{Code::timed_out, "the connection was lost", {}};
  const std::string request = "DELETE /nodes/pve1/storage/local/content";
  for (const bool done : {false, true}) {
    const Volume volume = volumes_.allocate(name_, job_, spec_, stop_).value();
    api_.fail_next(request, lost, done);
    EXPECT_TRUE(volumes_.release(volume, stop_));
    EXPECT_TRUE(api_.storages["local"].volumes.empty());
  }
  const Volume volume = volumes_.allocate(name_, job_, spec_, stop_).value();
  for (int times = 0; times < 3; ++times) {
    api_.fail_next(request, lost);
  }
  EXPECT_EQ(volumes_.release(volume, stop_).error().code, Code::unavailable);
}

TEST_F(ProxmoxVolumesTest, AVolumeThatCannotBeUsedIsFreedAgain) {
  api_.fail_next("GET /nodes/pve1/storage/local/content/", Error{Code::broken, "no path", {}});
  EXPECT_FALSE(volumes_.allocate(name_, job_, spec_, stop_));
  EXPECT_TRUE(api_.storages["local"].volumes.empty());
}

TEST_F(ProxmoxVolumesTest, AStorageThatIsNotThereOrNotActiveIsTold) {
  VolumeSpec spec = spec_;
  spec.storage = "nope";
  EXPECT_EQ(volumes_.allocate(name_, job_, spec, stop_).error().code, Code::not_found);
  spec.storage = "";
  EXPECT_EQ(volumes_.allocate(name_, job_, spec, stop_).error().code, Code::invalid);
  EXPECT_EQ(volumes_.find(name_, job_, spec, stop_).error().code, Code::invalid);
  api_.storages["local"].active = false;
  EXPECT_EQ(volumes_.allocate(name_, job_, spec_, stop_).error().code, Code::unavailable);
}

TEST_F(ProxmoxVolumesTest, ReleasingTwiceIsSuccess) {
  const Volume made = allocated();
  ASSERT_TRUE(volumes_.release(made, stop_));
  EXPECT_TRUE(volumes_.release(made, stop_));
}

TEST_F(ProxmoxVolumesTest, OnAStorageThatProxmoxHasNoMoreThereIsNothingToFree) {
  const Volume made = allocated();
  api_.storages.erase("local");
  EXPECT_TRUE(volumes_.release(made, stop_));
  EXPECT_TRUE(std::filesystem::exists(made.path));
}

TEST_F(ProxmoxVolumesTest, NeverReleasesAnothersVolume) {
  for (const char* id : {"local:100/vm-100-disk-0.raw", "local-lvm:vm-999000-x", "local:iso/x.iso",
                         "local:999000000/other.raw", "local:", ""}) {
    const auto released =
        volumes_.release(Volume{"data", "local", id, "/nowhere", VolumeKind::image}, stop_);
    ASSERT_FALSE(released) << id;
    EXPECT_EQ(released.error().code, Code::refused);
  }
  EXPECT_TRUE(api_.requests.empty());
}

TEST_F(ProxmoxVolumesTest, AVolumeThatALoopDeviceHoldsIsNotFreed) {
  const Volume made = allocated();
  {
    const LoopDevice device(made.path);
    const auto released = volumes_.release(made, stop_);
    ASSERT_FALSE(released);
    EXPECT_EQ(released.error().code, Code::unavailable);
    EXPECT_TRUE(std::filesystem::exists(made.path));
  }
  EXPECT_TRUE(volumes_.release(made, stop_));
}

TEST_F(ProxmoxVolumesTest, AFailedReleaseIsTold) {
  const Volume made = allocated();
  api_.fail_task("imgdel", "storage is locked by somebody");
  const auto released = volumes_.release(made, stop_);
  ASSERT_FALSE(released);
  EXPECT_THAT(released.error().message, HasSubstr("locked by somebody"));
}

TEST_F(ProxmoxVolumesTest, AReleaseThatFailsBecauseThereIsNoneIsSuccess) {
  const Volume made = allocated();
  ASSERT_TRUE(volumes_.release(made, stop_));
  api_.fail_task("imgdel", "lvchange: Failed to find logical volume");
  EXPECT_TRUE(volumes_.release(made, stop_));
}

TEST(ProxmoxVolumeNameTest, CarriesWhatItBelongsTo) {
  const auto name = ContainerName::parse("web-1").value();
  const std::string made = proxmox_volume_name(Vmid{100}, name, JobId::parse("j").value(), "data");
  EXPECT_THAT(made, testing::MatchesRegex("100-web-1-data-[0-9a-f]+"));
  EXPECT_EQ(made.size(), std::string("100-web-1-data-").size() + 16);
  EXPECT_EQ(proxmox_name_in("local:100/vm-" + made + ".raw"), made);
  EXPECT_EQ(proxmox_name_in("local-lvm:vm-" + made), made);
  EXPECT_EQ(proxmox_name_in("tank:subvol-" + made), made);
  EXPECT_EQ(proxmox_name_in("local:100/" + made + ".raw"), "");
}

TEST(ProxmoxVolumeNameTest, IsAnotherForEachContainerJobAndVolume) {
  const auto make = [](const char* container, const char* job, const char* volume) {
    return proxmox_volume_name(Vmid{100}, ContainerName::parse(container).value(),
                               JobId::parse(job).value(), volume);
  };
  const std::string first = make("web", "j", "data");
  EXPECT_EQ(first, make("web", "j", "data"));
  EXPECT_NE(first, make("web", "J", "data"));
  EXPECT_NE(make("a-b", "j", "c"), make("a", "j", "b-c"));
  // What is cut off still counts.
  EXPECT_NE(make("a-very-long-name-of-a-container-1", "j", "data"),
            make("a-very-long-name-of-a-container-2", "j", "data"));
  EXPECT_NE(make("web", "j", "a-long-volume-1"), make("web", "j", "a-long-volume-2"));
}

TEST(ProxmoxVolumeNameTest, FitsLvmAtItsLongest) {
  std::string hyphens = "a";
  hyphens += std::string(61, '-') + "b";
  const std::string longest =
      "vm-" + proxmox_volume_name(Vmid{999'999'999}, ContainerName::parse(hyphens).value(),
                                  JobId::parse(std::string(64, 'x')).value(), std::string(63, 'v'));
  // The device mapper's name doubles every hyphen; 15 characters are left for the group.
  const auto doubled =
      longest.size() + static_cast<std::size_t>(std::count(longest.begin(), longest.end(), '-'));
  EXPECT_LE(doubled, 127U - 15U);
}

TEST_F(ProxmoxVolumesTest, TheInventoryHasOursOnStoragesOfThisNodeAlone) {
  const Volume made = allocated();
  api_.storages["nfs"].shared = true;
  VolumeSpec shared = spec_;
  shared.storage = "nfs";
  ASSERT_TRUE(volumes_.allocate(name_, job_, shared, stop_));
  api_.storages.at("local").volumes["local:100/vm-100-disk-0.raw"] = made.path;
  api_.storages.at("local").volumes["local:999000000/vm-999000000-disk-0.raw"] = made.path;
  const std::vector<FoundVolume> found = volumes_.inventory(stop_).value().volumes;
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found.front().id, made.id);
  EXPECT_EQ(found.front().storage, "local");
  EXPECT_EQ(proxmox_name_in(found.front().id),
            proxmox_volume_name(Vmid{999'000'000}, name_, job_, "data"));
  ASSERT_TRUE(volumes_.release_found(found.front(), stop_));
  ASSERT_TRUE(volumes_.release_found(found.front(), stop_));
  EXPECT_FALSE(std::filesystem::exists(made.path));
}

}  // namespace
}  // namespace drover::runtimes
