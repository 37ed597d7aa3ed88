#include "agent/core/image_reference.h"

#include <gmock/gmock.h>

namespace drover {
namespace {

using testing::HasSubstr;
using Kind = ImageReference::Kind;

std::string digest() {
  return "sha256:" + std::string(64, 'a');
}

TEST(ImageReferenceTest, OfALayoutTheTagIsBehindTheLastColon) {
  const ImageReference image = parse_image_reference("oci:/srv/a:b:v1").value();
  EXPECT_EQ(image.kind, Kind::layout);
  EXPECT_EQ(image.place, "/srv/a:b");
  EXPECT_EQ(image.tag, "v1");
  const ImageReference exact = parse_image_reference("oci:/srv/a:b@" + digest()).value();
  EXPECT_EQ(exact.place, "/srv/a:b");
  EXPECT_EQ(exact.tag, "");
  EXPECT_EQ(exact.digest, digest());
}

TEST(ImageReferenceTest, OfARegistryItHasATagOrADigest) {
  const ImageReference image =
      parse_image_reference("docker://registry.example.org:5000/team/app:1.0").value();
  EXPECT_EQ(image.kind, Kind::registry);
  EXPECT_FALSE(image.lies_on_node());
  EXPECT_EQ(image.place, "registry.example.org:5000/team/app");
  EXPECT_EQ(image.tag, "1.0");
  const ImageReference exact = parse_image_reference("docker://host/app@" + digest()).value();
  EXPECT_EQ(exact.place, "host/app");
  EXPECT_EQ(exact.digest, digest());
  EXPECT_THAT(parse_image_reference("docker://host/app:1@" + digest()).error().message,
              HasSubstr("both a tag and a digest"));
}

TEST(ImageReferenceTest, OfAnArchiveThePathEndsAtTheFirstColon) {
  const ImageReference alone = parse_image_reference("oci-archive:/srv/app.tar").value();
  EXPECT_EQ(alone.kind, Kind::oci_archive);
  EXPECT_EQ(alone.place, "/srv/app.tar");
  EXPECT_EQ(alone.tag, "");
  EXPECT_EQ(parse_image_reference("oci-archive:/srv/app.tar:v1")->tag, "v1");
  const ImageReference saved =
      parse_image_reference("docker-archive:/srv/app.tar:team/app:1.0").value();
  EXPECT_EQ(saved.kind, Kind::docker_archive);
  EXPECT_EQ(saved.tag, "team/app:1.0");
}

TEST(ImageReferenceTest, OfATemplateAllIsThePath) {
  const ImageReference image = parse_image_reference("template:/srv/a:b.tar.zst").value();
  EXPECT_EQ(image.kind, Kind::root_archive);
  EXPECT_EQ(image.place, "/srv/a:b.tar.zst");
  EXPECT_EQ(image.tag + image.digest, "");
  EXPECT_TRUE(image.lies_on_node());
  EXPECT_EQ(parse_image_reference("template:/srv/a.tar.gz#arm64")->place, "/srv/a.tar.gz");
}

TEST(ImageReferenceTest, AnArchitectureMayStandBehindIt) {
  const ImageReference image = parse_image_reference("docker://host/app:1#arm64").value();
  EXPECT_EQ(image.tag, "1");
  EXPECT_EQ(image.architecture, "arm64");
  EXPECT_EQ(parse_image_reference("docker://host/app@" + digest() + "#amd64")->digest, digest());
  EXPECT_EQ(parse_image_reference("oci-archive:/srv/a.tar#arm64")->place, "/srv/a.tar");
  const ImageReference variant = parse_image_reference("docker://host/app:1#arm/v7").value();
  EXPECT_EQ(variant.tag, "1");
  EXPECT_EQ(variant.architecture + " " + variant.variant, "arm v7");
  for (const char* bad : {"#pdp11", "#arm/", "#arm/7", "#arm/v777", "#arm/v7/v7", "#/v7"}) {
    EXPECT_FALSE(parse_image_reference(std::string("docker://host/app:1") + bad)) << bad;
  }
  EXPECT_FALSE(parse_image_reference("docker://host/app#arm64"));
  // Of a layout it may be a part of the name.
  const ImageReference layout = parse_image_reference("oci:/srv/a#1:v#2").value();
  EXPECT_EQ(layout.place, "/srv/a#1");
  EXPECT_EQ(layout.tag, "v#2");
  EXPECT_EQ(layout.architecture, "");
}

TEST(ImageReferenceTest, EveryOtherTextIsRefusedByWhatIsWrong) {
  for (const char* bad : {"oci:",
                          "oci:relative:x",
                          "oci:/srv/a",
                          "oci:/srv/a:",
                          "",
                          "alpine",
                          "docker.io/alpine",
                          "oci:/srv/a@sha256:12",
                          "docker://",
                          "docker://host/app",
                          "docker://host:5000/app",
                          "docker://host/App:1",
                          "docker://host/app:a b",
                          "docker://ho st/app:1",
                          "docker://host/app:--all",
                          "docker://host/app@sha256:12",
                          "docker://host//app:1",
                          "oci-archive:app.tar",
                          "pushed:app",
                          "pushed:App:1",
                          "pushed:app:1#arm64",
                          "pushed:/srv/app:1",
                          "oci-archive:/srv/a.tar:",
                          "docker-archive:/srv/a.tar:app",
                          "oci-archive:/srv/a\n.tar",
                          "template:a.tar.gz",
                          "template:/srv/a\n.tar",
                          "docker-daemon:app:1"}) {
    const auto image = parse_image_reference(bad);
    ASSERT_FALSE(image) << bad;
    EXPECT_EQ(image.error().code, Code::invalid) << bad;
  }
  EXPECT_THAT(parse_image_reference("alpine").error().message,
              HasSubstr("docker://HOST/REPOSITORY:TAG"));
}

}  // namespace
}  // namespace drover
