// The real program, with a PVE::Storage in the place of Proxmox's own.
#include <gmock/gmock.h>

#include <fstream>

#include "fakes/node_storage_module.h"

namespace drover::proxmox {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::uint64_t kMib = 1U << 20U;

class NodeStorageTest : public testing::Test {
 protected:
  NodeStorageTest() {
    module_.add_storage("thin", "lvmthin", folder_ / "thin");
    module_.add_storage("ceph", "rbd", folder_ / "ceph");
    module_.add_storage("san", "lvm", folder_ / "san");
    for (const char* storage : {"thin", "ceph", "san"}) {
      std::ofstream(folder_ / storage / "vm-9-a").close();
      std::filesystem::resize_file(folder_ / storage / "vm-9-a", 8 * kMib);
    }
  }

  fakes::TempFolder folder_;
  fakes::NodeStorageModule module_;
  NodeStorage storage_ = module_.program();
  system::Stop stop_;
};

TEST_F(NodeStorageTest, AVolumeIsActivatedAndMapped) {
  for (const std::string id : {"thin", "ceph", "san"}) {
    const std::string volume = id + ":vm-9-a";
    for (int times = 0; times < 2; ++times) {
      const auto path = storage_.activate(volume, stop_);
      ASSERT_TRUE(path) << path.error().message;
      EXPECT_EQ(*path, module_.devices() / "vm-9-a");
      EXPECT_TRUE(std::filesystem::is_block_file(*path));
    }
    module_.deactivate_all();
  }
  EXPECT_THAT(module_.calls(), testing::Contains("activate thin:vm-9-a").Times(2));
  EXPECT_THAT(module_.calls(), testing::Contains("map ceph:vm-9-a").Times(2));
}

TEST_F(NodeStorageTest, OneThatIsMissingIsToldFromOneThatCannotBeHadNow) {
  EXPECT_EQ(storage_.activate("thin:vm-9-b", stop_).error().code, Code::not_found);
  EXPECT_EQ(storage_.activate("nowhere:vm-9-a", stop_).error().code, Code::not_found);
  module_.fail_next("storage 'thin' is not online");
  const auto failed = storage_.activate("thin:vm-9-a", stop_);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::unavailable);
  EXPECT_EQ(failed.error().message, "activate thin:vm-9-a: storage 'thin' is not online");
}

TEST_F(NodeStorageTest, AVolumeGrowsAndItsTrueSizeIsTold) {
  EXPECT_EQ(storage_.grow("thin:vm-9-a", 13 * kMib, stop_).value(), 16 * kMib);
  EXPECT_EQ(std::filesystem::file_size(folder_ / "thin/vm-9-a"), 16 * kMib);
  // A smaller size, and the same once more, change nothing.
  EXPECT_EQ(storage_.grow("thin:vm-9-a", 4 * kMib, stop_).value(), 16 * kMib);
  EXPECT_EQ(storage_.grow("ceph:vm-9-a", 9 * kMib, stop_).value(), 9 * kMib);
  EXPECT_THAT(module_.calls(), testing::Contains("resize thin:vm-9-a 13631488").Times(1));
  EXPECT_THAT(module_.calls(), testing::Not(testing::Contains("resize thin:vm-9-a 4194304")));
  module_.fail_next("error resizing volume: insufficient free space");
  EXPECT_EQ(storage_.grow("thin:vm-9-a", 32 * kMib, stop_).error().code, Code::unavailable);
}

TEST_F(NodeStorageTest, WhatIsNoVolumeIsNotPassedOn) {
  for (const char* wrong : {"", "thin", "thin:", "thin:../x;y", "-x:y", "thin:a b", "thin:a\nb"}) {
    EXPECT_EQ(storage_.activate(wrong, stop_).error().code, Code::broken) << wrong;
  }
  EXPECT_THAT(module_.calls(), ElementsAre());
}

TEST_F(NodeStorageTest, ANodeWithoutProxmoxIsToldSo) {
  EXPECT_TRUE(storage_.check(stop_));
  unsetenv("PERL5LIB");
  for (const Result<>& refused : {storage_.check(stop_), NodeStorage().check(stop_),
                                  NodeStorage("/nowhere/x").check(stop_)}) {
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::refused) << refused.error().message;
  }
  EXPECT_THAT(storage_.check(stop_).error().message, HasSubstr("no PVE::Storage"));
}

}  // namespace
}  // namespace drover::proxmox
