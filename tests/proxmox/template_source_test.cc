// What a job may say of a template and where it comes from.
#include "proxmox/template_source.h"

#include <gmock/gmock.h>

namespace drover::proxmox {
namespace {

using testing::HasSubstr;
using Kind = TemplateSource::Kind;

const std::string kSum = "sha256:" + std::string(64, 'a');

TEST(TemplateVolume, IsAStorageAndAFileThatProxmoxKeepsTheNameOf) {
  for (const char* good :
       {"local:vztmpl/debian-12.tar.zst", "nfs-1:vztmpl/app_1.0.tar", "a.b:vztmpl/X.tar.gz",
        "local:vztmpl/x.tar.xz", "local:vztmpl/x.tar.bz2"}) {
    const auto volume = TemplateVolume::parse(good);
    ASSERT_TRUE(volume) << good;
    EXPECT_EQ(volume->id(), good);
    EXPECT_TRUE(names_template(good));
  }
  for (const char* bad : {"", "local", "local:vztmpl/", ":vztmpl/x.tar", "local:vztmpl/.tar",
                          "local:vztmpl/x.zip", "local:vztmpl/../x.tar", "local:vztmpl/a/x.tar",
                          "local:vztmpl/a b.tar", "lo/al:vztmpl/x.tar", "local:vztmpl/.x.tar",
                          "local:vztmpl/-x.tar", "local:iso/x.iso", "local:vztmpl/x.tar.gz.sig"}) {
    const auto volume = TemplateVolume::parse(bad);
    ASSERT_FALSE(volume) << bad;
    EXPECT_EQ(volume.error().code, Code::invalid);
  }
  EXPECT_FALSE(TemplateVolume::parse("local:vztmpl/" + std::string(252, 'x') + ".tar"));
  EXPECT_TRUE(TemplateVolume::parse("local:vztmpl/x.tar")->is_plain_tar());
  EXPECT_FALSE(TemplateVolume::parse("local:vztmpl/x.tar.gz")->is_plain_tar());
  EXPECT_FALSE(names_template("oci:/srv/images/web:v1"));
}

Result<TemplateSource> source_of(const std::string& from, const std::string& checksum = "",
                                 const std::string& volume = "local:vztmpl/x.tar") {
  return TemplateSource::read(*TemplateVolume::parse(volume), from, checksum);
}

TEST(TemplateSource, IsAUrlARegistryOrAFile) {
  EXPECT_EQ(source_of("https://example.org/x.tar")->kind, Kind::url);
  EXPECT_EQ(source_of("http://example.org/x.tar", kSum)->sha256, std::string(64, 'a'));
  EXPECT_EQ(source_of("docker://ghcr.io/demo/app:1.0")->place, "ghcr.io/demo/app:1.0");
  EXPECT_EQ(source_of("docker://localhost:5000/app:v1.2-rc_3")->kind, Kind::registry);
  EXPECT_EQ(source_of("docker://a__b/c.d/e--f:1")->kind, Kind::registry);
  EXPECT_EQ(source_of("/srv/x y.tar", kSum)->kind, Kind::file);
}

void expect_fault(const Result<TemplateSource>& source, Code code, const char* words) {
  ASSERT_FALSE(source) << words;
  EXPECT_EQ(source.error().code, code) << source.error().message;
  EXPECT_THAT(source.error().message, HasSubstr(words));
}

TEST(TemplateSource, WhatIsWrongWithItIsSaid) {
  using enum Code;
  expect_fault(source_of(""), invalid, "docker://HOST/REPOSITORY:TAG");
  expect_fault(source_of("srv/x.tar"), invalid, "as /PATH");
  expect_fault(source_of("ftp://example.org/x.tar"), invalid, "https://");
  expect_fault(source_of("https://"), invalid, "no URL");
  expect_fault(source_of("https://example.org/a b"), invalid, "no URL");
  expect_fault(source_of("https://" + std::string(3000, 'x')), invalid, "no URL");
  expect_fault(source_of("http://example.org/x.tar"), refused, "checksum");
  expect_fault(source_of("https://me:secret@example.org/x.tar"), refused, "password");
  expect_fault(source_of("/srv/x\ny.tar"), invalid, "control characters");
  expect_fault(source_of("/srv/x.tar", "md5:abc"), invalid, "64 digits");
  expect_fault(source_of("/srv/x.tar", "sha256:" + std::string(63, 'a')), invalid, "64 digits");
  expect_fault(source_of("/srv/x.tar", "sha256:" + std::string(64, 'A')), invalid, "64 digits");
}

TEST(TemplateSource, ARegistrysImageIsOneOfATag) {
  using enum Code;
  expect_fault(source_of("docker://app"), invalid, "TAG");
  for (const char* bad :
       {"a..b:1", "a___b:1", "-a:1", "a-:1", "a//b:1", "host/:1", "h_st:1/a:1", "host:/a:1",
        "host:x/a:1", "a:1/b", "a:.1", "a._b:1", "-host/a:1", ":1"}) {
    expect_fault(source_of(std::string("docker://") + bad), invalid, "no image of a registry");
  }
  for (const char* good :
       {"a:1", "A.b-C:50/a/b_c:X", "a--b:_", "a/b/c/d:1.2-3_4", "10.0.0.1:5000/a:1"}) {
    EXPECT_TRUE(source_of(std::string("docker://") + good)) << good;
  }
  expect_fault(source_of("docker://a:" + std::string(129, 'x')), invalid, "no image");
  expect_fault(source_of("docker://host/UPPER:1"), invalid, "lower case");
  expect_fault(source_of("docker://host/app:"), invalid, "TAG");
  expect_fault(source_of("docker://host/app:1 --tls"), invalid, "TAG");
  expect_fault(source_of("docker://host/app@sha256:" + std::string(64, 'a')), refused,
               "never by digest");
  expect_fault(source_of("docker://host/app:1", kSum), refused, "no checksum");
  expect_fault(source_of("docker://host/app:1", "", "local:vztmpl/x.tar.gz"), invalid,
               "ends in .tar");
  expect_fault(source_of("docker://host/" + std::string(600, 'a') + ":1"), invalid, "no image");
}

}  // namespace
}  // namespace drover::proxmox
