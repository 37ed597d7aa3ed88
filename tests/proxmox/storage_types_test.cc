#include "proxmox/storage_types.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace drover::proxmox {
namespace {

using testing::HasSubstr;

StorageInfo storage_of(const std::string& type, std::vector<std::string> content = {"rootdir"}) {
  return {.id = "s1", .type = type, .content = std::move(content)};
}

TEST(StorageTypes, AVolumeIsWhatItsStorageTypeMakesIt) {
  const auto form = [](const char* type) {
    return type_for_volumes(storage_of(type)).value()->form;
  };
  for (const char* files : {"dir", "nfs", "cifs", "btrfs"}) {
    EXPECT_EQ(form(files), VolumeForm::file) << files;
    EXPECT_EQ(storage_type(files)->extension, ".raw") << files;
  }
  for (const char* blocks : {"lvm", "lvmthin", "rbd"}) {
    EXPECT_EQ(form(blocks), VolumeForm::block) << blocks;
    EXPECT_EQ(storage_type(blocks)->extension, "") << blocks;
  }
  EXPECT_EQ(form("zfspool"), VolumeForm::dataset);
  EXPECT_EQ(storage_type("zfspool")->format, "subvol");
  EXPECT_EQ(storage_type("zfspool")->prefix, "subvol-");
}

TEST(StorageTypes, OneThatHoldsNoVolumesIsRefusedWithThoseThatDo) {
  for (const char* type : {"pbs", "cephfs", "esxi", "iscsi", "iscsidirect", "zfs", "of-somebody"}) {
    const auto refused = type_for_volumes(storage_of(type));
    ASSERT_FALSE(refused) << type;
    EXPECT_EQ(refused.error().code, Code::refused);
    EXPECT_THAT(refused.error().message, HasSubstr(std::string("s1 is of type ") + type));
    EXPECT_THAT(refused.error().message,
                HasSubstr("btrfs, cifs, dir, lvm, lvmthin, nfs, rbd, zfspool do"));
  }
}

TEST(StorageTypes, OneForOtherThingsIsRefusedWithTheCommandThatChangesIt) {
  const auto refused = type_for_volumes(storage_of("dir", {"iso", "backup"}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::refused);
  EXPECT_THAT(refused.error().message, HasSubstr("pvesm set s1 --content iso,backup,rootdir"));
  EXPECT_TRUE(type_for_volumes(storage_of("dir", {"images"})));
}

TEST(StorageTypes, OneForNothingIsRefusedWithACommandThatProxmoxTakes) {
  for (const std::vector<std::string>& content : {std::vector<std::string>{"none"}, {}}) {
    const auto refused = type_for_volumes(storage_of("lvm", content));
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, testing::EndsWith("pvesm set s1 --content rootdir"));
  }
}

}  // namespace
}  // namespace drover::proxmox
