// What an ImageStore fetches: from Debian's docker-registry and of archives, by the real skopeo.
#include <fcntl.h>

#include "fakes/private_mounts.h"
#include "fetching.h"
#include "runtimes/images/image_store.h"

namespace drover::runtimes {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ImageFetchTest : public Fetching {
 protected:
  static void SetUpTestSuite() { registry_.emplace(); }
  static void TearDownTestSuite() { registry_.reset(); }
  static std::string in_registry(const std::string& name) {
    return "docker://" + registry_->host() + "/" + name;
  }

  /// Tags an index of images for these architectures and variants, each of which has a file that is
  /// called by both, as its own tag is. Its digest.
  std::string make_index(const std::string& tag,
                         const std::vector<std::pair<std::string, std::string>>& platforms) {
    const std::string layout = (folder_ / "made").native();
    constexpr const char* kIndex = "application/vnd.oci.image.index.v1+json";
    json::Array manifests;
    for (const auto& [architecture, variant] : platforms) {
      const std::string name = architecture + variant;
      make(name, {name});
      run({"umoci", "config", "--image", layout + ":" + name, "--architecture", architecture});
      json::Object platform{{"architecture", architecture}, {"os", "linux"}};
      if (!variant.empty()) {
        platform.set("variant", variant);
      }
      const ImageManifest one = made(name);
      manifests.push_back(json::Object{{"mediaType", one.media_type},
                                       {"digest", one.digest},
                                       {"size", one.bytes},
                                       {"platform", platform}});
    }
    const std::string index = json::write(json::Object{
        {"schemaVersion", 2}, {"mediaType", kIndex}, {"manifests", std::move(manifests)}});
    const std::string digest = sha256_digest(index);
    std::ofstream(layout + "/blobs/sha256/" + digest.substr(digest.find(':') + 1)) << index;
    json::Value all = json::parse(system::read_file(layout + "/index.json").value()).value();
    all.object()
        ->find("manifests")
        ->array()
        ->push_back(json::Object{
            {"mediaType", kIndex},
            {"digest", digest},
            {"size", index.size()},
            {"annotations", json::Object{{"org.opencontainers.image.ref.name", tag}}}});
    std::ofstream(layout + "/index.json") << json::write(all);
    return digest;
  }

  static std::optional<fakes::Registry> registry_;
  ImageStore store_{layout_, options()};
};
std::optional<fakes::Registry> ImageFetchTest::registry_;

TEST_F(ImageFetchTest, FetchesByTagAndByDigest) {
  const std::string source = make("app", {"motd"});
  run({"umoci", "config", "--image", source.substr(4), "--config.cmd", "/bin/serve",
       "--config.user", "www"});
  registry_->push(source, "by-tag:1.0");
  const auto image = fetch(store_, in_registry("by-tag:1.0"));
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(text_in(*image, "motd"), "motd");
  EXPECT_EQ(image->digest, made("app").digest);
  EXPECT_THAT(image->config.command, ElementsAre("/bin/serve"));
  EXPECT_EQ(image->config.user, "www");
  EXPECT_THAT(roots(), ElementsAre(layout_.image(image->digest).filename()));
  const auto exact = fetch(store_, in_registry("by-tag@" + image->digest));
  ASSERT_TRUE(exact) << exact.error().message;
  EXPECT_EQ(exact->rootfs, image->rootfs);
  // Its name is enough to find it again, without anybody's being asked.
  const auto here = store_.find("any", image->digest, stop_);
  ASSERT_TRUE(here && *here);
  EXPECT_EQ((*here)->rootfs, image->rootfs);
  EXPECT_THAT((*here)->config.command, ElementsAre("/bin/serve"));
}

TEST_F(ImageFetchTest, ATagIsLookedUpAgainAndLayersThatAreHereAreNotFetchedAgain) {
  registry_->push(make("v1", {"base", "one"}), "moves:latest");
  ASSERT_TRUE(fetch(store_, in_registry("moves:latest")));
  const std::string base = made("v1").layers.front().digest;
  EXPECT_EQ(registry_->sent(base), 1U);
  run({"umoci", "tag", "--image", (folder_ / "made").native() + ":v1", "v2"});
  std::ofstream(folder_ / "file") << "two";
  run({"umoci", "insert", "--image", (folder_ / "made").native() + ":v2", folder_ / "file",
       "/etc/two"});
  registry_->push("oci:" + (folder_ / "made").native() + ":v2", "moves:latest");
  const auto image = fetch(store_, in_registry("moves:latest"));
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(text_in(*image, "two"), "two");
  EXPECT_EQ(text_in(*image, "base"), "base");
  EXPECT_EQ(registry_->sent(base), 1U);
}

TEST_F(ImageFetchTest, WhatAFailedFetchHasGotIsNotFetchedAgain) {
  registry_->push(make("app", {"low", "high"}), "broken-off:1");
  const std::vector<ImageLayer> layers = made("app").layers;
  const Path missing = registry_->blob(layers.back().digest);
  std::filesystem::rename(missing, folder_ / "taken");
  const auto failed = fetch(store_, in_registry("broken-off:1"));
  ASSERT_FALSE(failed);
  EXPECT_THAT(roots(), IsEmpty());
  // skopeo fetches both at once, and may break the one off when the other fails.
  const std::size_t sent = registry_->sent(layers.front().digest);
  const bool has = std::filesystem::exists(blob(layers.front().digest));
  std::filesystem::rename(folder_ / "taken", missing);
  const auto image = fetch(store_, in_registry("broken-off:1"));
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(registry_->sent(layers.front().digest), has ? sent : sent + 1);
  EXPECT_EQ(text_in(*image, "low") + text_in(*image, "high"), "lowhigh");
}

TEST_F(ImageFetchTest, WhatAKilledAgentHadGotIsNotFetchedAgain) {
  registry_->push(make("app", {"first", "second"}), "killed:1");
  const std::vector<ImageLayer> layers = made("app").layers;
  ASSERT_TRUE(fetch(store_, in_registry("killed:1")));
  // As it is when the one layer was whole, and the other on its way.
  std::filesystem::remove_all(layout_.image(made("app").digest));
  std::filesystem::remove(blob(layers.back().digest));
  std::filesystem::remove(blob(made("app").digest));
  const Path half = layout_.images() / ".fetch-0123456789abcdef";
  std::filesystem::create_directories(half / "layout");
  std::ofstream(half / "layout/oci-put-blob1") << "half";
  ImageStore next(layout_, options());
  EXPECT_FALSE(next.find("any", made("app").digest, stop_).value());
  EXPECT_THAT(next.unfinished().value(), ElementsAre(half));
  ASSERT_TRUE(next.sweep(stop_));
  const auto image = fetch(next, in_registry("killed:1"));
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(registry_->sent(layers.front().digest), 1U);
  EXPECT_EQ(registry_->sent(layers.back().digest), 2U);
  EXPECT_THAT(roots(), ElementsAre(layout_.image(image->digest).filename()));
}

TEST_F(ImageFetchTest, AFlippedByteIsFoundAndTheBlobFetchedAgain) {
  registry_->push(make("app", {"lower", "higher"}), "flipped:1");
  ASSERT_TRUE(fetch(store_, in_registry("flipped:1")));
  const ImageManifest manifest = made("app");
  for (const std::string& digest :
       {manifest.layers.front().digest, manifest.configuration, manifest.digest}) {
    std::filesystem::remove_all(layout_.image(manifest.digest));
    flip_a_byte(blob(digest));
    const auto image = fetch(store_, in_registry("flipped:1"));
    ASSERT_TRUE(image) << image.error().message;
    EXPECT_EQ(text_in(*image, "lower") + text_in(*image, "higher"), "lowerhigher");
    EXPECT_EQ("sha256:" + proxmox::sha256_of_path(blob(digest), stop_).value(), digest);
  }
  EXPECT_EQ(registry_->sent(manifest.layers.front().digest), 2U);
  EXPECT_EQ(registry_->sent(manifest.layers.back().digest), 1U);
}

TEST_F(ImageFetchTest, AFlippedByteInTheRegistryIsRefused) {
  registry_->push(make("app", {"motd"}), "bad:1");
  flip_a_byte(registry_->blob(made("app").layers.front().digest));
  const auto image = fetch(store_, in_registry("bad:1"));
  ASSERT_FALSE(image);
  EXPECT_THAT(image.error().message, HasSubstr("sha256"));
  EXPECT_THAT(roots(), IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(blob(made("app").layers.front().digest)));
}

TEST_F(ImageFetchTest, OfAnIndexThisMachinesArchitectureIsTaken) {
  const std::string layout = (folder_ / "made").native();
  const std::string digest = make_index("both", {{"arm64", ""}, {"amd64", ""}});
  const std::string own(node_architecture());
  const auto local = store_.ensure("oci:" + layout + ":both", stop_);
  ASSERT_TRUE(local) << local.error().message;
  EXPECT_EQ(text_in(*local, own), own);
  registry_->push("oci:" + layout + ":both", "index:1");
  for (const std::string& name : {std::string("index:1"), "index@" + digest}) {
    const auto image = fetch(store_, in_registry(name));
    ASSERT_TRUE(image) << image.error().message;
    EXPECT_EQ(image->digest, local->digest);
  }
  // Another one is taken when it is named, and no third that the index has not.
  const std::string foreign = own == "arm64" ? "amd64" : "arm64";
  const auto other = fetch(store_, in_registry("index:1#" + foreign));
  ASSERT_TRUE(other) << other.error().message;
  EXPECT_EQ(text_in(*other, foreign), foreign);
  const auto third = fetch(store_, in_registry("index:1#s390x"));
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code, Code::not_found) << third.error().message;
  EXPECT_EQ(store_.ensure("oci:" + layout + ":both#" + foreign, stop_)->rootfs, other->rootfs);
  EXPECT_EQ(store_.ensure("oci:" + layout + ":both#s390x", stop_).error().code, Code::not_found);
  // Or by its own digest, which a name beside it has to fit.
  const std::string exact = "index@" + made(foreign).digest;
  const auto image = fetch(store_, in_registry(exact));
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(text_in(*image, foreign), foreign);
  EXPECT_EQ(fetch(store_, in_registry(exact + "#" + own)).error().code, Code::not_found);
}

TEST_F(ImageFetchTest, OfAnIndexTheVariantThatIsNamedIsTaken) {
  const std::string own(node_architecture());
  const std::string layout = "oci:" + (folder_ / "made").native();
  make_index("all", {{"arm", "v6"}, {"arm", "v7"}, {own, "v9"}, {own, ""}});
  registry_->push(layout + ":all", "variants:1");
  for (const std::string variant : {"v6", "v7"}) {
    const auto image = fetch(store_, in_registry("variants:1#arm/" + variant));
    ASSERT_TRUE(image) << image.error().message;
    EXPECT_EQ(text_in(*image, "arm" + variant), "arm" + variant);
    EXPECT_EQ(store_.ensure(layout + ":all#arm/" + variant, stop_)->digest, image->digest);
  }
  // Nobody knows whether this machine can what is for a newer one.
  EXPECT_EQ(text_in(store_.ensure(layout + ":all", stop_).value(), own), own);
  const auto none = store_.ensure(layout + ":all#arm/v5", stop_);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::not_found);
  EXPECT_THAT(none.error().message, HasSubstr("architecture arm/v5"));
}

TEST_F(ImageFetchTest, FetchesFromArchivesOfBothKinds) {
  const std::string source = make("app", {"motd"});
  const std::string oci = (folder_ / "oci.tar").native();
  const std::string saved = (folder_ / "saved.tar").native();
  run({"skopeo", "copy", "--quiet", source, "oci-archive:" + oci + ":v1"});
  run({"skopeo", "copy", "--quiet", source, "docker-archive:" + saved + ":team/app:1.0"});
  for (const std::string& name :
       {"oci-archive:" + oci, "oci-archive:" + oci + ":v1", "docker-archive:" + saved,
        "docker-archive:" + saved + ":team/app:1.0"}) {
    const auto image = fetch(store_, name);
    ASSERT_TRUE(image) << name << ": " << image.error().message;
    EXPECT_EQ(text_in(*image, "motd"), "motd") << name;
  }
  for (const std::string& name :
       {"oci-archive:" + oci + ":v2", "docker-archive:" + saved + ":team/app:2.0"}) {
    const auto image = fetch(store_, name);
    ASSERT_FALSE(image) << name;
    EXPECT_EQ(image.error().code, Code::not_found) << image.error().message;
  }
  EXPECT_EQ(roots().size(), 2U);
}

TEST_F(ImageFetchTest, AnArchiveIsReadAsItWasOpenedWhateverHasItsNameNow) {
  const std::string name = (folder_ / "app.tar").native();
  for (const std::string kind : {"oci-archive:", "docker-archive:"}) {
    std::filesystem::remove(name);
    run({"skopeo", "copy", "--quiet", make("app", {"motd"}), kind + name + ":app:1"});
    system::UniqueFd opened = open_file(name);
    std::filesystem::remove(name);
    std::ofstream(name) << "another";
    const auto image = store_.fetch(
        kind + name, std::move(opened), stop_, [](const std::string&) {}, std::chrono::seconds(5));
    ASSERT_TRUE(image) << kind << image.error().message;
    EXPECT_EQ(text_in(*image, "motd"), "motd");
  }
}

TEST_F(ImageFetchTest, OneThatIsLargerThanTheDiskLeavesTheDiskToOthers) {
  const std::string archive = (folder_ / "oci.tar").native();
  const std::string image = (folder_ / "made").native() + ":large";
  make("large", {});
  run({"dd", "if=/dev/urandom", "of=" + (folder_ / "file").native(), "bs=1M", "count=12",
       "status=none"});
  run({"umoci", "insert", "--image", image, folder_ / "file", "/etc/random"});
  run({"skopeo", "copy", "--quiet", "oci:" + image, "oci-archive:" + archive + ":v1"});
  std::filesystem::create_directories(layout_.images());
  ASSERT_EQ(mount("tmpfs", layout_.images().c_str(), "tmpfs", 0, "size=16m"), 0);
  const auto fetched = fetch(store_, "oci-archive:" + archive);
  EXPECT_EQ(fetched.error().code, Code::unavailable);
  EXPECT_THAT(fetched.error().message, HasSubstr("no room for it: 1 MiB"));
  EXPECT_THAT(roots(), IsEmpty());
  EXPECT_EQ(umount2(layout_.images().c_str(), MNT_DETACH), 0);
}

TEST_F(ImageFetchTest, BlobsGoWithTheLastImageThatHasThem) {
  registry_->push(make("one", {"base", "one"}), "shared:1");
  run({"umoci", "tag", "--image", (folder_ / "made").native() + ":one", "two"});
  std::ofstream(folder_ / "file") << "two";
  run({"umoci", "insert", "--image", (folder_ / "made").native() + ":two", folder_ / "file",
       "/etc/two"});
  registry_->push("oci:" + (folder_ / "made").native() + ":two", "shared:2");
  const std::string first = fetch(store_, in_registry("shared:1"))->digest;
  const std::string second = fetch(store_, in_registry("shared:2"))->digest;
  const auto yes = [] { return Result<bool>(true); };
  ASSERT_TRUE(store_.remove(second, yes, stop_));
  EXPECT_FALSE(std::filesystem::exists(blob(made("two").layers.back().digest)));
  EXPECT_TRUE(std::filesystem::exists(blob(made("one").layers.back().digest)));
  ASSERT_TRUE(store_.remove(first, yes, stop_));
  EXPECT_TRUE(std::filesystem::is_empty(layout_.images()));
}

}  // namespace
}  // namespace drover::runtimes
