// Images of templates of Proxmox, which are tar files of whole roots: by the real programs.
#include <sys/mount.h>
#include <sys/stat.h>

#include <cstdlib>

#include "fetching.h"
#include "runtimes/images/image_layers.h"
#include "runtimes/images/template_layout.h"
#include "tar_layer.h"

namespace drover::runtimes {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class TemplateImageTest : public Fetching {
 protected:
  /// A file of this content, as `program` makes it of a tar.
  std::string write(const TarLayer& tar, const std::string& name, const std::string& program) {
    const Path file = folder_ / name;
    tar.write(folder_ / "root.tar");
    run({"sh", "-c", program + " <\"$0\" >\"$1\"", folder_ / "root.tar", file});
    return "template:" + file.native();
  }
  static TarLayer small() {
    TarLayer tar;
    tar.add({.name = "./etc/", .type = '5', .mode = 0755})
        .add({.name = "./etc/motd", .content = "hello"});
    return tar;
  }
  Error refusal(const std::string& reference) {
    const auto image = fetch(store_, reference);
    EXPECT_FALSE(image) << reference;
    EXPECT_THAT(roots(), IsEmpty()) << reference;
    return image ? Error{} : image.error();
  }

  ImageStore store_{layout_, options()};
};

TEST_F(TemplateImageTest, HoweverItIsCompressedItIsOneImageWithItsTarAsLayer) {
  const auto plain = fetch(store_, write(small(), "app.tar", "cat"));
  ASSERT_TRUE(plain) << plain.error().message;
  EXPECT_EQ(text_in(*plain, "motd"), "hello");
  EXPECT_THAT(plain->config.command, ElementsAre("/sbin/init"));
  EXPECT_THAT(plain->parts, SizeIs(1));
  for (const std::string program : {"gzip", "xz", "zstd", "bzip2"}) {
    const auto image = fetch(store_, write(small(), "app.tar." + program, program));
    ASSERT_TRUE(image) << program << ": " << image.error().message;
    EXPECT_EQ(image->digest, plain->digest) << program;
  }
  const ImageManifest manifest =
      read_image({.layout = layout_.images(), .tag = {}, .digest = plain->digest}).value();
  EXPECT_EQ("sha256:" + proxmox::sha256_of_path(folder_ / "root.tar", stop_).value(),
            manifest.layers.at(0).digest);
  EXPECT_THAT(roots(), ElementsAre(layout_.image(plain->digest).filename()));
  // It is found again, and goes with all that it has.
  ASSERT_TRUE(store_.find("any", plain->digest, stop_).value());
  const std::string digest = plain->digest;
  ImageStore next(layout_, options());
  ASSERT_TRUE(next.remove(
      digest, [] { return Result<bool>(true); }, stop_));
  EXPECT_TRUE(std::filesystem::is_empty(layout_.images()));
}

TEST_F(TemplateImageTest, OneThatWasChangedIsAnotherImage) {
  const std::string name = write(small(), "app.tar.gz", "gzip");
  const std::string first = fetch(store_, name)->digest;
  TarLayer more = small();
  more.add({.name = "./etc/more", .content = "new"});
  ASSERT_EQ(write(more, "app.tar.gz", "gzip"), name);
  const auto image = fetch(store_, name);
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_NE(image->digest, first);
  EXPECT_EQ(text_in(*image, "more"), "new");
  const auto foreign = fetch(store_, name + "#s390x");
  ASSERT_TRUE(foreign) << foreign.error().message;
  EXPECT_NE(foreign->digest, image->digest);
  EXPECT_EQ(foreign->parts, image->parts) << "its layer is the same";
}

TEST_F(TemplateImageTest, ADamagedBlobOfItIsMadeAgain) {
  const std::string name = write(small(), "app.tar.zst", "zstd");
  const auto image = fetch(store_, name);
  ASSERT_TRUE(image) << image.error().message;
  const ImageManifest manifest =
      read_image({.layout = layout_.images(), .tag = {}, .digest = image->digest}).value();
  std::filesystem::remove_all(layout_.image(image->digest));
  flip_a_byte(blob(manifest.layers.at(0).digest));
  const auto again = fetch(store_, name);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->digest, image->digest);
  EXPECT_EQ(text_in(*again, "motd"), "hello");
}

TEST_F(TemplateImageTest, ItIsReadAsItWasOpenedWhateverHasItsNameNow) {
  const std::string name = write(small(), "app.tar.gz", "gzip");
  system::UniqueFd opened = open_file(folder_ / "app.tar.gz");
  std::filesystem::remove(folder_ / "app.tar.gz");
  std::ofstream(folder_ / "app.tar.gz") << "another";
  std::vector<std::string> told;
  const auto image = store_.fetch(
      name, std::move(opened), stop_, [&told](const std::string& line) { told.push_back(line); },
      std::chrono::milliseconds(1));
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(text_in(*image, "motd"), "hello");
  for (const std::string& line : told) {
    EXPECT_THAT(line, HasSubstr("MiB are here"));
  }
}

TEST_F(TemplateImageTest, NothingOfItReachesOutsideOfItsRoot) {
  const Path outside = folder_ / "outside";
  std::filesystem::create_directories(outside);
  std::ofstream(outside / "kept") << "before";
  TarLayer tar;
  tar.add({.name = "etc/", .type = '5', .mode = 0755})
      .add({.name = "etc/out", .type = '2', .link = outside.native()})
      .add({.name = "etc/out/written", .content = "x"})
      .add({.name = "../../../../../../../.." + outside.native() + "/up", .content = "x"})
      .add({.name = "etc/hard", .type = '1', .link = ".." + (outside / "kept").native()})
      .add({.name = "etc/null", .type = '3', .mode = 0666})
      .add({.name = "etc/su", .content = "x", .mode = 04755});
  const auto image = fetch(store_, write(tar, "evil.tar.gz", "gzip"));
  EXPECT_THAT(system::children_of(outside), ElementsAre(outside / "kept"));
  struct stat found {};
  ASSERT_EQ(stat((outside / "kept").c_str(), &found), 0);
  EXPECT_EQ(found.st_nlink, 1U);
  EXPECT_EQ(system::read_file(outside / "kept").value(), "before");
  // umoci refuses the whole for its hard link.
  EXPECT_FALSE(image);
  EXPECT_THAT(roots(), IsEmpty());
}

/// A few KiB of zeros, compressed, are any number of them.
TEST_F(TemplateImageTest, OneWhoseTarIsLargerThanTheDiskLeavesTheDiskToOthers) {
  std::filesystem::create_directories(layout_.images());
  TarLayer tar;
  tar.add({.name = "zeros", .content = std::string(std::size_t{6} << 20U, '\0')});
  for (const std::string program : {"cat", "gzip", "xz", "zstd", "bzip2"}) {
    const std::string reference = write(tar, "zeros." + program, program);
    ASSERT_EQ(::mount("tmpfs", layout_.images().c_str(), "tmpfs", 0, "size=8m"), 0);
    const Error full = refusal(reference);
    EXPECT_EQ(::umount2(layout_.images().c_str(), MNT_DETACH), 0);
    EXPECT_EQ(full.code, Code::unavailable) << program;
    EXPECT_THAT(full.message, HasSubstr("half of what the disk has left")) << program;
  }
}

TEST_F(TemplateImageTest, WhatIsNoTemplateIsRefusedByWhatIsWrongWithIt) {
  std::ofstream(folder_ / "text") << std::string(2000, 'x');
  EXPECT_EQ(refusal("template:" + (folder_ / "text").native()).code, Code::invalid);
  std::ofstream(folder_ / "empty") << "";
  EXPECT_THAT(refusal("template:" + (folder_ / "empty").native()).message,
              HasSubstr("no tar file"));
  const std::string cut = write(small(), "cut.tar.xz", "xz");
  std::filesystem::resize_file(folder_ / "cut.tar.xz",
                               std::filesystem::file_size(folder_ / "cut.tar.xz") / 2);
  const Error damaged = refusal(cut);
  EXPECT_EQ(damaged.code, Code::invalid) << damaged.message;
  EXPECT_THAT(damaged.message, AllOf(HasSubstr("cut.tar.xz"), HasSubstr("damaged")));
  const std::string whole = write(small(), "app.tar.zst", "zstd");
  const std::string path = std::getenv("PATH");
  setenv("PATH", "/nonexistent", 1);
  const Error without = refusal(whole);
  setenv("PATH", path.c_str(), 1);
  EXPECT_EQ(without.code, Code::refused);
  EXPECT_THAT(without.message, HasSubstr("apt install zstd"));
}

TEST_F(TemplateImageTest, ThePolicyLetsInWhatNobodyHasSigned) {
  const std::string name = write(small(), "app.tar.gz", "gzip");
  for (const char* text :
       {R"({"default":[{"type":"reject"}]})", R"({"default":[]})", "{}", "no policy",
        R"({"default":[{"type":"insecureAcceptAnything"}],
            "transports":{"tarball":{"":[{"type":"reject"}]}}})",
        R"({"default":[{"type":"insecureAcceptAnything"},{"type":"reject"}]})"}) {
    std::ofstream(policy()) << text;
    const Error error = refusal(name);
    EXPECT_EQ(error.code, Code::refused) << text;
    EXPECT_THAT(error.message, HasSubstr(policy().native())) << text;
  }
  std::ofstream(policy()) << R"({"default":[{"type":"reject"}],
      "transports":{"tarball":{"":[{"type":"insecureAcceptAnything"}]}}})";
  EXPECT_TRUE(fetch(store_, name));
  std::filesystem::remove(policy());
  EXPECT_THAT(fetch(store_, name).error().message, HasSubstr("no signature policy"));
}

}  // namespace
}  // namespace drover::runtimes
