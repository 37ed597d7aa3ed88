// Images in layers: what they share is there once, and a container sees what umoci makes of the
// whole image.
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <array>
#include <fstream>
#include <map>
#include <thread>

#include "agent/system/child.h"
#include "fakes/temp_folder.h"
#include "runtimes/images/disk_usage.h"
#include "runtimes/images/image_layers.h"
#include "runtimes/images/image_store.h"
#include "runtimes/images/unpack_image.h"
#include "tar_layer.h"

namespace drover::runtimes {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::size_t kLarge = std::size_t{1} << 20;

/// "folder 755 0:0" or the like, by each path below a root; hard links as the first path that they
/// are another name of.
std::map<std::string, std::string> facts_of(const Path& root) {
  std::map<std::string, std::string> facts;
  std::map<ino_t, std::string> first;
  std::vector<Path> paths;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  for (const Path& path : paths) {
    struct stat found {};
    EXPECT_EQ(lstat(path.c_str(), &found), 0);
    const std::string name = path.lexically_relative(root);
    std::string fact = fmt::format("{:o} {}:{} {}", found.st_mode, found.st_uid, found.st_gid,
                                   S_ISDIR(found.st_mode) ? 0 : found.st_mtim.tv_sec);
    if (S_ISREG(found.st_mode)) {
      fact += " " + system::read_file(path).value() + " of " +
              first.emplace(found.st_ino, name).first->second;
    } else if (S_ISLNK(found.st_mode)) {
      fact += " -> " + std::filesystem::read_symlink(path).native();
    } else if (S_ISCHR(found.st_mode) || S_ISBLK(found.st_mode)) {
      fact += fmt::format(" {}:{}", major(found.st_rdev), minor(found.st_rdev));
    }
    for (const char* attribute : {"user.note", "security.capability"}) {
      std::array<char, 64> value{};
      const ssize_t size = lgetxattr(path.c_str(), attribute, value.data(), value.size());
      fact += size > 0 ? fmt::format(" {}={}", attribute,
                                     std::string(value.data(), static_cast<std::size_t>(size)))
                       : "";
    }
    facts[name] = fact;
  }
  return facts;
}

class LayersTest : public testing::Test {
 protected:
  void SetUp() override { umoci({"init", "--layout", image_layout()}); }
  void TearDown() override { [[maybe_unused]] const auto gone = store_.unmount_root(web(), stop_); }
  static const ContainerName& web() {
    static const ContainerName name = *ContainerName::parse("web-1");
    return name;
  }
  std::string image_layout() const { return folder_ / "image"; }
  std::string name(const std::string& tag) const { return "oci:" + image_layout() + ":" + tag; }
  static void umoci(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "umoci");
    const auto ran = system::run_ok(arguments, system::Stop());
    ASSERT_TRUE(ran) << ran.error().message;
  }
  void make(const std::string& tag, const std::vector<TarLayer>& layers) {
    umoci({"new", "--image", image_layout() + ":" + tag});
    for (const TarLayer& layer : layers) {
      layer.write(folder_ / "layer.tar");
      umoci({"raw", "add-layer", "--image", image_layout() + ":" + tag, folder_ / "layer.tar"});
    }
  }
  static TarLayer one_file(const std::string& name, const std::string& content) {
    return TarLayer().add({.name = name, .content = content});
  }
  /// Bytes that no compression makes smaller, and that the disk has as blocks.
  static TarLayer large() { return one_file("large", std::string(kLarge, 'x')); }
  std::vector<Path> layers() const { return system::children_of(layout_.image_layers()); }
  void remove(Image& image) {
    image.pin.reset();
    ASSERT_TRUE(store_.remove(
        image.digest, [] { return Result<bool>(true); }, stop_));
  }
  /// The root as a container has it, until the next one is asked for.
  Path root_of(const Image& image) {
    EXPECT_TRUE(store_.unmount_root(web(), stop_));
    const auto mounted = store_.mount_root(web(), image.rootfs);
    EXPECT_TRUE(mounted) << mounted.error().message;
    return layout_.rootfs(web());
  }

  fakes::TempFolder folder_;
  system::Stop stop_;
  Layout layout_{.state = folder_ / "state"};
  ImageStore store_{layout_};
};

TEST_F(LayersTest, WhatTwoImagesShareIsThereOnceUntilTheLastIsGone) {
  make("one", {large(), one_file("one", "1")});
  make("two", {large(), one_file("two", "2")});
  Image one = store_.ensure(name("one"), stop_).value();
  const std::uint64_t before = disk_usage(layout_.images());
  Image two = store_.ensure(name("two"), stop_).value();
  EXPECT_EQ(one.parts.front(), two.parts.front());
  EXPECT_THAT(layers(), SizeIs(3));
  EXPECT_LT(disk_usage(layout_.images()), before + kLarge / 4);
  EXPECT_LT(store_.bytes_of(two.digest), kLarge / 4) << "it frees what it has alone";
  EXPECT_EQ(system::read_file(root_of(two) / "two").value(), "2");
  EXPECT_EQ(system::read_file(layout_.rootfs(web()) / "large")->size(), kLarge);
  remove(one);
  EXPECT_THAT(layers(), SizeIs(2));
  EXPECT_GT(store_.bytes_of(two.digest), kLarge);
  EXPECT_EQ(system::read_file(root_of(two) / "large")->size(), kLarge);
  ASSERT_TRUE(store_.unmount_root(web(), stop_));
  remove(two);
  EXPECT_THAT(system::children_of(layout_.images()), IsEmpty());
}

// As where no more files can be opened: all it has in common with others went.
TEST_F(LayersTest, LayersOfAnImageWhoseListCannotBeReadNowStay) {
  make("one", {large(), one_file("one", "1")});
  make("two", {large(), one_file("two", "2")});
  Image one = store_.ensure(name("one"), stop_).value();
  const Image two = store_.ensure(name("two"), stop_).value();
  const Path list = layout_.image(two.digest) / kLayerList;
  const Path aside = folder_ / "list";
  std::filesystem::rename(list, aside);
  std::filesystem::create_directory(list);  // which root can read no more than others
  one.pin.reset();
  EXPECT_FALSE(store_.remove(
      one.digest, [] { return Result<bool>(true); }, stop_));
  EXPECT_FALSE(store_.remove_strays(std::chrono::seconds(-10)));
  EXPECT_FALSE(store_.ensure(name("two"), stop_)) << "nor is it taken away as damaged";
  EXPECT_FALSE(store_.mount_root(web(), two.rootfs)) << "nor an empty folder a root";
  EXPECT_THAT(layers(), SizeIs(3));
  std::filesystem::remove(list);
  std::filesystem::rename(aside, list);
  EXPECT_EQ(system::read_file(root_of(two) / "large")->size(), kLarge);
  remove(one);
  EXPECT_THAT(layers(), SizeIs(2));
}

TEST_F(LayersTest, TwoThatAreUnpackedAtOnceUnpackTheirBaseOnce) {
  std::vector<std::string> tags = {"a", "b", "c"};
  for (const std::string& tag : tags) {
    make(tag, {large(), one_file(tag, tag)});
  }
  std::vector<std::thread> threads;
  std::vector<Path> bases(tags.size());
  for (std::size_t i = 0; i < tags.size(); ++i) {
    threads.emplace_back([&, i] {
      const auto image = store_.ensure(name(tags[i]), stop_);
      bases[i] = image ? image->parts.front() : Path(image.error().message);
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_THAT(bases, ElementsAre(bases[0], bases[0], bases[0]));
  EXPECT_THAT(layers(), SizeIs(4));
  EXPECT_THAT(store_.unfinished().value(), IsEmpty());
}

TEST_F(LayersTest, AContainerSeesWhatUmociMakesOfTheWholeImage) {
  const std::string capability(
      "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00"
      "\x00\x00\x00\x00\x00",
      20);
  TarLayer low;
  low.add({.name = "etc/", .type = '5', .mode = 0750, .uid = 3})
      .add({.name = "etc/gone", .content = "gone"})
      .add({.name = "etc/kept", .content = "kept", .mode = 04711, .uid = 7})
      .add({.name = "etc/note", .content = "n", .xattr = "user.note=low"})
      .add({.name = "tree/", .type = '5', .mode = 0755})
      .add({.name = "tree/deep/", .type = '5', .mode = 0700})
      .add({.name = "tree/deep/file", .content = "deep"})
      .add({.name = "hidden/", .type = '5', .mode = 0755})
      .add({.name = "hidden/below", .content = "below"})
      .add({.name = "swap", .content = "a file"})
      .add({.name = "other/", .type = '5', .mode = 0755})
      .add({.name = "other/inside", .content = "x"})
      .add({.name = "link", .type = '2', .link = "etc/kept"})
      .add({.name = "twin", .content = "twins"})
      .add({.name = "twin-2", .type = '1', .link = "twin"})
      .add({.name = "ping", .content = "ping", .xattr = "security.capability=" + capability})
      .add({.name = "null", .type = '3', .mode = 0666})
      .add({.name = "pipe", .type = '6', .mode = 0600});
  TarLayer middle;
  middle.add({.name = "etc/.wh.gone"})
      .add({.name = ".wh.tree"})
      .add({.name = "hidden/.wh..wh..opq"})
      .add({.name = "hidden/above", .content = "above"})
      .add({.name = "swap/", .type = '5', .mode = 0755})
      .add({.name = "swap/now", .content = "a folder"})
      .add({.name = "other", .content = "a file now"})
      .add({.name = "etc/again", .type = '1', .link = "etc/kept"})
      .add({.name = "link", .content = "no link"})
      .add({.name = ".wh.never-was"});
  TarLayer high;
  high.add({.name = "tree/", .type = '5', .mode = 0711, .uid = 9})
      .add({.name = "tree/new", .content = "new"})
      .add({.name = "etc/gone", .content = "back"})
      .add({.name = "etc/", .type = '5', .mode = 0711})
      .add({.name = "etc/note", .content = "n", .xattr = "user.note=high"})
      .add({.name = "hidden/.wh.above"});
  make("all", {low, middle, high});
  const Image image = store_.ensure(name("all"), stop_).value();
  umoci({"raw", "unpack", "--image", image_layout() + ":all", folder_ / "whole"});
  EXPECT_THAT(image.parts, SizeIs(3));
  const auto expected = facts_of(folder_ / "whole");
  EXPECT_EQ(facts_of(root_of(image)), expected);
  EXPECT_TRUE(expected.contains("tree/new") && !expected.contains("tree/deep"));
}

TEST_F(LayersTest, NoLayerMakesAnOverlaysOwnMarks) {
  TarLayer low;
  low.add({.name = "etc/", .type = '5', .mode = 0755}).add({.name = "etc/shadow", .content = "x"});
  // 0:0 is a whiteout; these would hide what a lower layer has, which no OCI layer says so.
  TarLayer device;
  device.add({.name = "etc/shadow", .type = '3', .major = 0, .minor = 0});
  TarLayer opaque;
  opaque.add({.name = "etc/", .type = '5', .mode = 0755, .xattr = "trusted.overlay.opaque=y"});
  TarLayer redirect;
  redirect.add(
      {.name = "opt/", .type = '5', .mode = 0755, .xattr = "trusted.overlay.redirect=/etc"});
  int number = 0;
  for (const TarLayer& layer : {device, opaque, redirect}) {
    const std::string tag = fmt::format("marks{}", ++number);
    make(tag, {low, layer});
    const auto image = store_.ensure(name(tag), stop_);
    if (!image) {
      continue;  // it is refused
    }
    for (const Path& part : image->parts) {
      for (const char* mark : {"trusted.overlay.opaque", "trusted.overlay.redirect"}) {
        for (const char* folder : {"etc", "opt"}) {
          EXPECT_LT(lgetxattr((part / folder).c_str(), mark, nullptr, 0), 0) << mark << number;
        }
      }
    }
    EXPECT_EQ(system::read_file(root_of(*image) / "etc/shadow").value_or("hidden"), "x") << number;
    EXPECT_FALSE(std::filesystem::exists(layout_.rootfs(web()) / "opt/shadow")) << number;
  }
}

TEST_F(LayersTest, AnImageThatAnOlderAgentHasUnpackedInOnePieceServes) {
  make("old", {one_file("low", "low"), one_file("high", "high")});
  const LayoutImage where{.layout = image_layout(), .tag = "old"};
  const ImageManifest manifest = read_image(where).value();
  const Path folder = layout_.image(manifest.digest);
  std::filesystem::create_directories(layout_.images());
  ASSERT_TRUE(unpack_image(where, manifest, layout_.images() / ".old", folder, stop_));
  Image image = store_.ensure(name("old"), stop_).value();
  EXPECT_THAT(image.parts, ElementsAre(image.rootfs));
  EXPECT_THAT(layers(), IsEmpty());
  EXPECT_EQ(system::read_file(root_of(image) / "low").value(), "low");
  ASSERT_TRUE(store_.unmount_root(web(), stop_));
  remove(image);
  EXPECT_THAT(system::children_of(layout_.images()), IsEmpty());
}

TEST_F(LayersTest, ALayerThatIsMissingIsUnpackedAnew) {
  make("one", {one_file("low", "low"), one_file("high", "high")});
  store_.ensure(name("one"), stop_).value();
  const std::vector<Path> were = layers();
  std::filesystem::remove_all(were.front());
  EXPECT_FALSE(store_.has(name("one")));
  const Image image = store_.ensure(name("one"), stop_).value();
  EXPECT_EQ(system::read_file(root_of(image) / "low").value(), "low");
  EXPECT_EQ(system::read_file(layout_.rootfs(web()) / "high").value(), "high");
}

TEST_F(LayersTest, WhatAKilledAgentHadBegunGoesAndStrayLayersDo) {
  make("one", {one_file("low", "low")});
  const Image image = store_.ensure(name("one"), stop_).value();
  const std::string stray(32, 'a');
  std::filesystem::create_directories(layout_.image_layers() / stray / "etc");
  std::filesystem::create_directories(layout_.images() / (".layer-" + stray) / "upper");
  std::filesystem::create_directories(layout_.images() / (".gone-layer-" + stray) / "etc");
  ImageStore next(layout_);
  EXPECT_THAT(next.unfinished().value(), SizeIs(2));
  ASSERT_TRUE(next.sweep(stop_));
  ASSERT_TRUE(next.remove_strays(std::chrono::hours(1)));
  EXPECT_THAT(layers(), SizeIs(2)) << "it may be wanted once more";
  ASSERT_TRUE(next.remove_strays(std::chrono::hours(0)));
  EXPECT_THAT(layers(), ElementsAre(image.parts.front()));
  EXPECT_EQ(system::read_file(root_of(image) / "low").value(), "low");
}

TEST_F(LayersTest, OneWithMoreLayersThanCanBeMountedIsInOnePiece) {
  ImageManifest manifest;
  for (int i = 0; i < 64; ++i) {
    manifest.layers.push_back({.digest = "sha256:" + std::string(64, '0'),
                               .media_type = "",
                               .diff_id = sha256_digest(std::to_string(i))});
  }
  const std::vector<std::string> names = layer_names(manifest);
  ASSERT_THAT(names, SizeIs(64));
  // Named by what is below it, too.
  std::swap(manifest.layers[0], manifest.layers[1]);
  EXPECT_NE(layer_names(manifest).back(), names.back());
  manifest.layers.push_back(manifest.layers.front());
  EXPECT_THAT(layer_names(manifest), IsEmpty());
  EXPECT_THAT(layer_names({}), IsEmpty());
  manifest.layers = {{.digest = "sha256:" + std::string(64, '0'), .media_type = ""}};
  EXPECT_THAT(layer_names(manifest), IsEmpty()) << "nobody says what its tar is";
}

}  // namespace
}  // namespace drover::runtimes
