// What unpacking makes of layers: what a higher one takes away, what a file keeps, and that no
// layer reaches anything outside of the root.
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "agent/system/child.h"
#include "agent/system/disk_space.h"
#include "fakes/private_mounts.h"
#include "fakes/temp_folder.h"
#include "runtimes/images/image_store.h"
#include "tar_layer.h"

namespace drover::runtimes {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class UnpackTest : public testing::Test {
 protected:
  UnpackTest() {
    std::filesystem::create_directories(outside());
    std::ofstream(outside() / "kept") << "before";
  }
  void TearDown() override {
    [[maybe_unused]] const auto gone =
        store_.unmount_root(ContainerName::parse("web-1").value(), system::Stop());
  }
  Path outside() const { return folder_ / "outside"; }
  static void umoci(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "umoci");
    const auto ran = system::run_ok(arguments, system::Stop());
    ASSERT_TRUE(ran) << ran.error().message;
  }
  Result<Image> unpack(const std::vector<TarLayer>& layers) {
    const std::string layout = folder_ / "image";
    umoci({"init", "--layout", layout});
    umoci({"new", "--image", layout + ":app"});
    for (const TarLayer& layer : layers) {
      layer.write(folder_ / "layer.tar");
      umoci({"raw", "add-layer", "--image", layout + ":app", folder_ / "layer.tar"});
    }
    return store_.ensure("oci:" + layout + ":app", system::Stop());
  }
  /// As a container has it.
  Path root_of(const Image& image) {
    const ContainerName name = ContainerName::parse("web-1").value();
    const auto mounted = store_.mount_root(name, image.rootfs);
    EXPECT_TRUE(mounted) << mounted.error().message;
    return layout_.rootfs(name);
  }
  /// Nothing came and nothing changed.
  bool is_untouched() const {
    struct stat found {};
    return system::children_of(outside()).size() == 1 &&
           stat((outside() / "kept").c_str(), &found) == 0 && found.st_nlink == 1 &&
           (found.st_mode & 0777) == 0644 && found.st_uid == geteuid() &&
           system::read_file(outside() / "kept").value_or("") == "before";
  }
  static std::vector<std::string> names(const Path& folder) {
    std::vector<std::string> found;
    for (const Path& path : system::children_of(folder)) {
      found.push_back(path.filename());
    }
    return found;
  }

  fakes::TempFolder folder_;
  Layout layout_{.state = folder_ / "state"};
  ImageStore store_{layout_};
};

TEST_F(UnpackTest, AWhiteoutTakesAwayWhatLowerLayersHave) {
  TarLayer low;
  low.add({.name = "etc/", .type = '5', .mode = 0755})
      .add({.name = "etc/gone", .content = "x"})
      .add({.name = "etc/stays", .content = "x"})
      .add({.name = "etc/tree/", .type = '5', .mode = 0755})
      .add({.name = "etc/tree/inside", .content = "x"})
      .add({.name = "opt/", .type = '5', .mode = 0755})
      .add({.name = "opt/below", .content = "x"});
  TarLayer high;
  high.add({.name = "etc/.wh.gone"})
      .add({.name = "etc/.wh.tree"})
      .add({.name = "opt/.wh..wh..opq"})
      .add({.name = "opt/above", .content = "y"});
  const auto image = unpack({low, high});
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_THAT(names(root_of(*image) / "etc"), ElementsAre("stays"));
  EXPECT_THAT(names(root_of(*image) / "opt"), ElementsAre("above"));
}

TEST_F(UnpackTest, AFileKeepsItsOwnerModeHardLinksAndAttributes) {
  constexpr std::string_view kCapability(
      "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00"
      "\x00\x00\x00\x00\x00",
      20);
  TarLayer low;
  low.add({.name = "bin/", .type = '5', .mode = 0755})
      .add({.name = "bin/su", .content = "su", .mode = 04711, .uid = 7})
      .add({.name = "bin/ping",
            .content = "ping",
            .mode = 0755,
            .xattr = "security.capability=" + std::string(kCapability)});
  TarLayer high;
  high.add({.name = "bin/same", .type = '1', .link = "bin/su"});
  const auto image = unpack({low, high});
  ASSERT_TRUE(image) << image.error().message;
  const Path root = root_of(*image);
  struct stat first {};
  struct stat second {};
  ASSERT_EQ(stat((root / "bin/su").c_str(), &first), 0);
  ASSERT_EQ(stat((root / "bin/same").c_str(), &second), 0);
  EXPECT_EQ(first.st_mode & 07777, 04711U);
  EXPECT_EQ(first.st_uid, 7U);
  EXPECT_EQ(first.st_ino, second.st_ino);
  std::array<char, 64> value{};
  const ssize_t size =
      getxattr((root / "bin/ping").c_str(), "security.capability", value.data(), value.size());
  ASSERT_EQ(size, 20);
  EXPECT_EQ(std::string_view(value.data(), 20), kCapability);
}

TEST_F(UnpackTest, NoLayerWritesThroughALinkOfALowerOne) {
  for (const std::string& target :
       {outside().native(), std::string("../../../../../../../../..") + outside().native()}) {
    TarLayer low;
    low.add({.name = "data", .type = '2', .link = target})
        .add({.name = "file", .type = '2', .link = target + "/kept"});
    TarLayer high;
    high.add({.name = "data/new", .content = "evil"})
        .add({.name = "file", .content = "evil", .mode = 0777, .uid = 7});
    TarLayer whiteout;
    whiteout.add({.name = "data/.wh.kept"}).add({.name = "data/.wh..wh..opq"});
    [[maybe_unused]] const auto image = unpack({low, high, whiteout});
    EXPECT_TRUE(is_untouched()) << target;
    std::filesystem::remove_all(folder_ / "image");
  }
}

TEST_F(UnpackTest, NoNameAndNoHardLinkLeadsOutOfTheRoot) {
  const std::string up = "../../../../../../../../../../../..";
  TarLayer climbing;
  climbing.add({.name = up + outside().native() + "/new", .content = "evil"});
  TarLayer absolute;
  absolute.add({.name = outside().native() + "/other", .content = "evil"});
  TarLayer linked;
  linked.add({.name = "hard", .type = '1', .link = up + outside().native() + "/kept"})
      .add({.name = "hard", .content = "evil"});
  TarLayer whiteout;
  whiteout.add({.name = up + outside().native() + "/.wh.kept"});
  for (const TarLayer& layer : {climbing, absolute, linked, whiteout}) {
    [[maybe_unused]] const auto image = unpack({layer});
    EXPECT_TRUE(is_untouched());
    std::filesystem::remove_all(folder_ / "image");
  }
}

TEST_F(UnpackTest, WhatIsNoLayerLeavesNothing) {
  TarLayer broken;
  broken.add({.name = "file", .content = std::string(4096, 'x')});
  broken.write(folder_ / "whole.tar");
  const std::string layout = folder_ / "image";
  umoci({"init", "--layout", layout});
  umoci({"new", "--image", layout + ":app"});
  std::ofstream(folder_ / "cut.tar") << system::read_file(folder_ / "whole.tar")->substr(0, 1000);
  umoci({"raw", "add-layer", "--image", layout + ":app", folder_ / "cut.tar"});
  ASSERT_FALSE(store_.ensure("oci:" + layout + ":app", system::Stop()));
  EXPECT_THAT(names(layout_.images()), IsEmpty());
}

/// A layer of a few KiB stands for any number of zeros, or of files.
TEST_F(UnpackTest, WhatIsLargerThanTheDiskLeavesTheDiskToOthersAndNothingBehind) {
  std::filesystem::create_directories(layout_.images());
  TarLayer low;
  low.add({.name = "low", .content = std::string(std::size_t{4} << 20U, '\0')});
  TarLayer zeros;
  zeros.add({.name = "zeros", .content = std::string(std::size_t{20} << 20U, '\0')});
  TarLayer files;
  for (int i = 0; i < 600; ++i) {
    files.add({.name = fmt::format("file{}", i)});
  }
  for (const TarLayer& high : {zeros, files}) {
    ASSERT_EQ(mount("tmpfs", layout_.images().c_str(), "tmpfs", 0, "size=16m,nr_inodes=500"), 0);
    const std::uint64_t free = system::disk_space(layout_.images())->free;
    const auto image = unpack({low, high});
    EXPECT_EQ(image.error().code, Code::unavailable);
    EXPECT_THAT(image.error().message, testing::HasSubstr("no room for it: 1 MiB"));
    EXPECT_THAT(names(layout_.images()), IsEmpty());
    EXPECT_EQ(system::disk_space(layout_.images())->free, free);
    EXPECT_EQ(umount2(layout_.images().c_str(), MNT_DETACH), 0);
    std::filesystem::remove_all(folder_ / "image");
  }
}

}  // namespace
}  // namespace drover::runtimes
