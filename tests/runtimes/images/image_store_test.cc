#include "runtimes/images/image_store.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <optional>
#include <thread>

#include "agent/system/child.h"
#include "fakes/private_mounts.h"
#include "fakes/sanitizers.h"
#include "fakes/temp_folder.h"
#include "runtimes/images/oci_layout.h"
#include "runtimes/volumes/mount_table.h"

namespace drover::runtimes {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

const ContainerName& web() {
  static const ContainerName name = *ContainerName::parse("web-1");
  return name;
}

class ImageStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    layout_.state = folder_ / "state";
    // umoci makes a real image of a small tree: one layer, one configuration.
    std::filesystem::create_directories(folder_ / "tree/etc");
    std::ofstream(folder_ / "tree/etc/motd") << "hello\n";
    const std::string image = (folder_ / "image").native();
    umoci({"init", "--layout", image});
    umoci({"new", "--image", image + ":small"});
    umoci({"insert", "--image", image + ":small", (folder_ / "tree").native(), "/"});
    umoci({"config", "--image", image + ":small", "--config.entrypoint", "/bin/serve",
           "--config.cmd", "--fast", "--config.env", "A=1", "--config.workingdir", "/srv",
           "--config.user", "www"});
    reference_ = "oci:" + image + ":small";
  }
  void umoci(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "umoci");
    const auto ran = system::run_ok(arguments, stop_);
    ASSERT_TRUE(ran) << ran.error().message;
  }

  fakes::TempFolder folder_;
  system::Stop stop_;
  Layout layout_;
  std::string reference_;
};

TEST_F(ImageStoreTest, MountsTheFolderThatWasOpenedWhateverHasItsNameNow) {
  for (const char* name : {"root", "other"}) {
    std::filesystem::create_directories(folder_ / name);
    std::ofstream(folder_ / name / "text") << name;
  }
  const Path lower = folder_ / "root";
  const system::UniqueFd opened(open(lower.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  std::filesystem::rename(lower, folder_ / "was");
  std::filesystem::create_directory_symlink("other", lower);
  ImageStore store(layout_);
  const auto mounted = store.mount_root(web(), lower, opened);
  ASSERT_TRUE(mounted) << mounted.error().message;
  EXPECT_EQ(system::read_file(layout_.rootfs(web()) / "text").value(), "root");
  // What the journal would be made of again.
  EXPECT_EQ(mounted_at(layout_.rootfs(web())).value().value().lower, lower.native());
  ASSERT_TRUE(store.unmount_root(web(), stop_));
}

TEST_F(ImageStoreTest, UnpacksTheLayoutThatWasOpenedWhateverHasItsNameNow) {
  const Path layout = folder_ / "image";
  const system::UniqueFd opened(open(layout.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  std::filesystem::rename(layout, folder_ / "was");
  std::filesystem::create_directories(layout);
  ImageStore store(layout_);
  EXPECT_FALSE(store.ensure(reference_, stop_));
  const auto image = store.ensure(reference_, opened, stop_);
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(system::read_file(image->parts.back() / "etc/motd").value(), "hello\n");
}

TEST_F(ImageStoreTest, UnpacksAnImageAndReadsWhatItRuns) {
  ImageStore store(layout_);
  const auto image = store.ensure(reference_, stop_);
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(system::read_file(image->parts.back() / "etc/motd").value(), "hello\n");
  EXPECT_THAT(image->config.entrypoint, ElementsAre("/bin/serve"));
  EXPECT_THAT(image->config.command, ElementsAre("--fast"));
  EXPECT_THAT(image->config.env, ElementsAre("A=1"));
  EXPECT_EQ(image->config.cwd, "/srv");
  EXPECT_EQ(image->config.user, "www");
}

TEST_F(ImageStoreTest, ManyAtOnceUnpackOnce) {
  ImageStore store(layout_);
  std::vector<std::thread> threads;
  std::vector<Path> roots(4);
  for (Path& root : roots) {
    threads.emplace_back([&] { root = store.ensure(reference_, stop_).value().rootfs; });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  for (const Path& root : roots) {
    EXPECT_EQ(root, roots.front());
  }
  struct stat before {};
  ASSERT_EQ(stat(roots.front().c_str(), &before), 0);
  ASSERT_TRUE(store.ensure(reference_, stop_));
  struct stat after {};
  ASSERT_EQ(stat(roots.front().c_str(), &after), 0);
  EXPECT_EQ(before.st_ino, after.st_ino);
}

TEST_F(ImageStoreTest, WritesOfAContainerStayOutOfTheImage) {
  ImageStore store(layout_);
  const Image image = store.ensure(reference_, stop_).value();
  ASSERT_TRUE(store.mount_root(web(), image.rootfs));
  ASSERT_TRUE(store.mount_root(web(), image.rootfs));
  std::ofstream(layout_.rootfs(web()) / "etc/motd") << "changed\n";
  EXPECT_EQ(system::read_file(layout_.rootfs(web()) / "etc/motd").value(), "changed\n");
  EXPECT_EQ(system::read_file(image.parts.back() / "etc/motd").value(), "hello\n");
  ASSERT_TRUE(store.unmount_root(web(), stop_));
  ASSERT_TRUE(store.unmount_root(web(), stop_));
  EXPECT_TRUE(std::filesystem::is_empty(layout_.container(web())));
}

TEST_F(ImageStoreTest, ALowerFolderWithCommaAndColonIsMounted) {
  ImageStore store(layout_);
  const Path lower = folder_ / "a,b:c";
  std::filesystem::create_directories(lower / "inside");
  const auto mounted = store.mount_root(web(), lower);
  ASSERT_TRUE(mounted) << mounted.error().message;
  EXPECT_TRUE(std::filesystem::exists(layout_.rootfs(web()) / "inside"));
  ASSERT_TRUE(store.unmount_root(web(), stop_));
}

TEST_F(ImageStoreTest, WhetherUsersOfAContainersOwnCanHaveARootIsTriedUntilTheyCan) {
  if (fakes::kHasThreadSanitizer) {
    GTEST_SKIP() << "ThreadSanitizer has a thread of its own in each process";
  }
  ImageStore here(layout_);
  const auto can = here.check_other_owners();
  EXPECT_TRUE(can) << can.error().message;
  EXPECT_TRUE(std::filesystem::is_empty(layout_.images())) << "nothing is left of it";
  // An overlay shows no other owners.
  const Path other = folder_ / "other";
  for (const char* name : {"lower", "upper", "work", "other/images"}) {
    std::filesystem::create_directories(folder_ / name);
  }
  const std::string options = fmt::format("lowerdir={0}/lower,upperdir={0}/upper,workdir={0}/work",
                                          folder_.path().native());
  ASSERT_EQ(mount("test", (other / "images").c_str(), "overlay", 0, options.c_str()), 0);
  ImageStore there(Layout{.state = other});
  const auto cannot = there.check_other_owners();
  ASSERT_FALSE(cannot);
  EXPECT_EQ(cannot.error().code, Code::refused);
  EXPECT_THAT(cannot.error().message, HasSubstr("users of its own"));
  EXPECT_TRUE(std::filesystem::is_empty(other / "images"));
  const std::string images = (other / "images").native();
  ASSERT_EQ(umount2(images.c_str(), MNT_DETACH), 0);
  EXPECT_TRUE(there.check_other_owners());
  ASSERT_EQ(mount("test", images.c_str(), "overlay", 0, options.c_str()), 0);
  EXPECT_TRUE(there.check_other_owners()) << "it has been found out";
  ASSERT_EQ(umount2(images.c_str(), MNT_DETACH), 0);
}

TEST_F(ImageStoreTest, WhatIsMissingIsNamed) {
  ImageStore store(layout_);
  const std::string image = (folder_ / "image").native();
  EXPECT_THAT(store.ensure("oci:" + image + ":other", stop_).error().message,
              HasSubstr("no image tagged other"));
  EXPECT_THAT(store.ensure("oci:/nowhere:x", stop_).error().message, HasSubstr("/nowhere"));
  EXPECT_EQ(store.ensure("oci:/nowhere:x", stop_).error().code, Code::not_found);
  EXPECT_EQ(store.ensure("docker.io/alpine", stop_).error().code, Code::invalid);
  EXPECT_EQ(store.mount_root(web(), "/nowhere").error().code, Code::not_found);
}

TEST_F(ImageStoreTest, ADamagedBlobIsRefused) {
  const LayoutImage layout{.layout = folder_ / "image", .tag = "small"};
  const std::string digest = read_image(layout).value().digest;
  const Path blob = layout.layout / "blobs/sha256" / digest.substr(7);
  std::ofstream(blob, std::ios::app) << " ";
  const auto image = ImageStore(layout_).ensure(reference_, stop_);
  ASSERT_FALSE(image);
  EXPECT_THAT(image.error().message, HasSubstr("damaged"));
}

TEST_F(ImageStoreTest, ATagThatMovesWhileItIsUnpackedChangesNothingInWhatIsUnpacked) {
  // Another umoci, first in PATH, that moves the tag before it does what it is asked to.
  const std::string image = (folder_ / "image").native() + ":small";
  const std::string path = std::getenv("PATH");
  const auto real = system::run_ok({"which", "umoci"}, stop_);
  ASSERT_TRUE(real);
  const std::string program = real->substr(0, real->find('\n'));
  std::filesystem::create_directory(folder_ / "bin");
  std::ofstream(folder_ / "bin/umoci")
      << "#!/bin/sh\n"
      << program << " insert --image " << image << " /etc/passwd /etc/motd\n"
      << "exec " << program << " \"$@\"\n";
  std::filesystem::permissions(folder_ / "bin/umoci", std::filesystem::perms::owner_all);
  setenv("PATH", ((folder_ / "bin").native() + ":" + path).c_str(), 1);
  ImageStore store(layout_);
  const auto first = store.ensure(reference_, stop_);
  setenv("PATH", path.c_str(), 1);
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(system::read_file(first->parts.back() / "etc/motd").value(), "hello\n");
  const auto moved = store.ensure(reference_, stop_);
  ASSERT_TRUE(moved) << moved.error().message;
  EXPECT_NE(moved->digest, first->digest);
  EXPECT_NE(system::read_file(moved->parts.back() / "etc/motd").value(), "hello\n");
}

TEST_F(ImageStoreTest, ADamagedLayerIsRefused) {
  const LayoutImage layout{.layout = folder_ / "image", .tag = "small"};
  const ImageManifest manifest = read_image(layout).value();
  ASSERT_EQ(manifest.layers.size(), 1U);
  const Path blob = layout.layout / "blobs/sha256" / manifest.layers.front().digest.substr(7);
  std::string content = system::read_file(blob).value();
  content.at(content.size() / 2) ^= 1;
  std::ofstream(blob) << content;
  ASSERT_FALSE(ImageStore(layout_).ensure(reference_, stop_));
  EXPECT_TRUE(std::filesystem::is_empty(layout_.images()));
}

TEST_F(ImageStoreTest, AnImageIsNamedByItsDigestToo) {
  const LayoutImage layout{.layout = folder_ / "image", .tag = "small"};
  const std::string digest = read_image(layout).value().digest;
  ImageStore store(layout_);
  const std::string reference = "oci:" + layout.layout.native() + "@" + digest;
  const auto image = store.ensure(reference, stop_);
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(image->digest, digest);
  EXPECT_TRUE(store.has(reference));
  EXPECT_EQ(store.ensure("oci:" + layout.layout.native() + "@sha256:" + std::string(64, '0'), stop_)
                .error()
                .code,
            Code::not_found);
}

TEST_F(ImageStoreTest, AStopEndsItWithNothingUnpacked) {
  stop_.request();
  EXPECT_EQ(ImageStore(layout_).ensure(reference_, stop_).error().code, Code::cancelled);
  EXPECT_FALSE(std::filesystem::exists(layout_.images()));
}

TEST_F(ImageStoreTest, RemovesARootThatNobodyHoldsAndUnpacksItAnew) {
  ImageStore store(layout_);
  Image image = store.ensure(reference_, stop_).value();
  const auto yes = [] { return Result<bool>(true); };
  EXPECT_EQ(store.remove(image.digest, yes, stop_).error().code, Code::unavailable);
  EXPECT_TRUE(std::filesystem::exists(image.rootfs));
  image.pin.reset();
  ASSERT_TRUE(store.remove(
      image.digest, [] { return Result<bool>(false); }, stop_));
  EXPECT_TRUE(std::filesystem::exists(image.rootfs));
  ASSERT_TRUE(store.remove(image.digest, yes, stop_));
  EXPECT_TRUE(std::filesystem::is_empty(layout_.images()));
  ASSERT_TRUE(store.remove(image.digest, yes, stop_));
  EXPECT_TRUE(std::filesystem::exists(store.ensure(reference_, stop_)->parts.back() / "etc/motd"));
}

TEST_F(ImageStoreTest, WhatAKilledAgentHadBegunIsSweptAway) {
  const std::string digest = ImageStore(layout_).ensure(reference_, stop_)->digest;
  const std::string folder = layout_.image(digest).filename();
  std::filesystem::create_directories(layout_.images() / (".gone-" + folder) / "rootfs/etc");
  std::filesystem::create_directories(layout_.images() / ".sha256-0123" / "rootfs");
  ImageStore store(layout_);
  ASSERT_TRUE(store.sweep(stop_));
  std::vector<std::string> left;
  for (const auto& entry : std::filesystem::directory_iterator(layout_.images())) {
    left.push_back(entry.path().filename());
  }
  EXPECT_THAT(left, UnorderedElementsAre(folder, "layers"));
}

TEST_F(ImageStoreTest, ALayoutThatLinksOutOfItselfReadsNothingOutside) {
  const Path evil = folder_ / "evil";
  std::filesystem::create_directories(evil);
  std::filesystem::create_symlink("/etc/passwd", evil / "index.json");
  const auto image = ImageStore(layout_).ensure("oci:" + evil.native() + ":x", stop_);
  ASSERT_FALSE(image);
  EXPECT_EQ(image.error().code, Code::not_found);
}

TEST_F(ImageStoreTest, RootsThatNobodyHoldsAreFoundByDigest) {
  ImageStore store(layout_);
  EXPECT_TRUE(store.digests().value().empty());
  std::optional<Image> image = store.ensure(reference_, stop_).value();
  std::filesystem::create_directories(layout_.images() / ".sha256-0011/rootfs");
  std::filesystem::create_directories(layout_.images() / "sha256-0011/rootfs");
  EXPECT_TRUE(store.digests().value().empty()) << "whoever has it may be about to use it";
  const std::string digest = image->digest;
  image.reset();
  EXPECT_THAT(store.digests().value(), ElementsAre(digest));
}

TEST_F(ImageStoreTest, HalvesOfImagesAreFoundAndRemoved) {
  ImageStore store(layout_);
  const Image whole = store.ensure(reference_, stop_).value();
  const Path half = layout_.images() / ".sha256-0011";
  std::filesystem::create_directories(half / "rootfs/etc");
  EXPECT_THAT(store.unfinished().value(), ElementsAre(half));
  EXPECT_EQ(store.remove_unfinished(whole.rootfs.parent_path()).error().code, Code::refused);
  EXPECT_EQ(store.remove_unfinished(layout_.images() / "../.sha256-0011").error().code,
            Code::refused);
  ASSERT_TRUE(store.remove_unfinished(half));
  EXPECT_FALSE(std::filesystem::exists(half));
  EXPECT_TRUE(std::filesystem::exists(whole.rootfs));
  EXPECT_TRUE(store.unfinished().value().empty());
}

}  // namespace
}  // namespace drover::runtimes
