#include "runtimes/oci/bundle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "fakes/temp_folder.h"
#include "oci_schema.h"
#include "runtimes/oci/oci_runtime.h"

namespace drover::runtimes {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

class BundleTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(rootfs_ / "etc");
    std::ofstream(rootfs_ / "etc/passwd") << "web:x:33:34::/:/bin/sh\n";
    container_.rootfs = rootfs_;
    container_.spec.command = {"serve"};
  }
  Spec made() const {
    const auto spec = make_spec(container_, options_);
    EXPECT_TRUE(spec) << to_text(spec.error());
    EXPECT_EQ(spec ? schema_faults(spec->document()) : "", "");
    return spec.value_or(Spec());
  }
  json::Value resources() const { return made().document().at("linux").at("resources"); }

  fakes::TempFolder folder_;
  const Path rootfs_ = folder_ / "rootfs";
  Container container_{ContainerName::parse("web-1").value(),
                       JobId::parse("job-1").value(),
                       RuntimeKind::runc,
                       {},
                       {},
                       {},
                       {},
                       {},
                       std::nullopt};
  BundleOptions options_;
};

TEST_F(BundleTest, IsStampedAndNamedAfterTheContainer) {
  const Spec spec = made();
  EXPECT_EQ(spec.annotation(kNameAnnotation), "web-1");
  EXPECT_EQ(spec.annotation(kJobAnnotation), "job-1");
  EXPECT_EQ(spec.hostname(), "web-1");
  EXPECT_EQ(spec.root(), rootfs_.native());
  EXPECT_EQ(spec.cwd(), "/");
  EXPECT_EQ(spec.document().at("linux").at("cgroupsPath").string_or(""), "/drover/web-1");
  container_.spec.hostname = "other";
  EXPECT_EQ(made().hostname(), "other");
  options_.systemd_cgroup = true;
  EXPECT_EQ(made().document().at("linux").at("cgroupsPath").string_or(""),
            "drover.slice:drover:web-1");
}

TEST_F(BundleTest, UsersOfItsOwnAreThoseOfThePinnedNamespace) {
  EXPECT_TRUE(made().document().at("linux").at("uidMappings").is_null());
  container_.users = 2147483648;
  container_.user_namespace = "/run/drover/user-namespaces/web-1.2147483648";
  container_.spec.security.user_namespace = "auto";
  const Spec spec = made();
  const json::Value& part = spec.document().at("linux");
  EXPECT_THAT(*part.at("namespaces").array(),
              Contains(json::Value(
                  json::Object{{"type", "user"}, {"path", container_.user_namespace.native()}})));
  for (const char* ids : {"uidMappings", "gidMappings"}) {
    const json::Value& map = part.at(ids).array()->at(0);
    EXPECT_EQ(map.at("containerID").integer_or(-1), 0);
    EXPECT_EQ(map.at("hostID").integer_or(-1), 2147483648);
    EXPECT_EQ(map.at("size").integer_or(-1), 65536);
  }
  // A group that there is not inside would be none to the kernel.
  EXPECT_EQ(part.at("sysctl").at("net.ipv4.ping_group_range"), json::Value("0 65535"));
}

TEST_F(BundleTest, TheJobsWordsGoBeforeTheImages) {
  container_.image = {{"image-entry"},   {"image-word"}, {"A=1", "B=2", "nonsense", "=x"},
                      "relative/folder", "web",          ""};
  container_.spec.env = {{"B", "3"}, {"C", ""}};
  Spec spec = made();
  EXPECT_THAT(spec.args(), ElementsAre("serve"));
  EXPECT_THAT(spec.env(),
              ElementsAre("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                          "A=1", "B=3", "C="));
  EXPECT_EQ(spec.cwd(), "/relative/folder");
  EXPECT_EQ(spec.document().at("process").at("user").at("uid"), json::Value(33));
  container_.spec.command = {};
  container_.spec.cwd = "/srv";
  container_.spec.user = "7:8";
  spec = made();
  EXPECT_THAT(spec.args(), ElementsAre("image-entry", "image-word"));
  EXPECT_EQ(spec.cwd(), "/srv");
  EXPECT_EQ(spec.document().at("process").at("user").at("gid"), json::Value(8));
}

TEST_F(BundleTest, WhatTheImageDoesNotHaveIsInvalid) {
  container_.spec.user = "nobody";
  const auto spec = make_spec(container_, options_);
  ASSERT_FALSE(spec);
  EXPECT_EQ(spec.error().code, Code::invalid);
  EXPECT_THAT(spec.error().message, HasSubstr("web-1"));
  EXPECT_THAT(spec.error().message, HasSubstr("nobody"));
}

TEST_F(BundleTest, LimitsAreTheJobsElseTheNodes) {
  EXPECT_EQ(resources().find("memory"), nullptr);
  EXPECT_EQ(resources().find("pids"), nullptr);
  EXPECT_EQ(resources().find("cpu"), nullptr);
  options_.default_memory_mib = 64;
  options_.default_pids = 100;
  EXPECT_EQ(resources().at("memory").at("limit"), json::Value(64 << 20));
  EXPECT_EQ(resources().at("pids").at("limit"), json::Value(100));
  container_.spec.resources = {8, 0.5, 7};
  EXPECT_EQ(resources().at("memory").at("limit"), json::Value(8 << 20));
  EXPECT_EQ(resources().at("pids").at("limit"), json::Value(7));
  EXPECT_EQ(resources().at("cpu").at("quota"), json::Value(50'000));
  EXPECT_EQ(resources().at("cpu").at("period"), json::Value(100'000));
  container_.spec.resources.cpus = 0.001;
  EXPECT_EQ(resources().at("cpu").at("quota"), json::Value(1'000)) << "the kernel takes no less";
}

TEST_F(BundleTest, VolumesAreBoundWithoutDevicesAndSetuid) {
  container_.mounts = {{"/srv/a", "/data", false}, {"/srv/b", "/fixed", true}};
  const Spec spec = made();
  const json::Array& mounts = *spec.document().at("mounts").array();
  const json::Object wanted{{"destination", "/fixed"},
                            {"type", "bind"},
                            {"source", "/srv/b"},
                            {"options", json::Array{"rbind", "rprivate", "nosuid", "nodev", "ro"}}};
  EXPECT_EQ(mounts.back(), json::Value(wanted));
  EXPECT_EQ(mounts.at(mounts.size() - 2).at("options").array()->back(), json::Value("rw"));
}

TEST_F(BundleTest, ANetworkNamespaceIsJoinedOrNew) {
  const json::Value fresh = json::Object{{"type", "network"}};
  EXPECT_THAT(*made().document().at("linux").at("namespaces").array(), Contains(fresh));
  container_.netns = "/run/netns/drover-web-1";
  const json::Value named = json::Object{{"type", "network"}, {"path", "/run/netns/drover-web-1"}};
  EXPECT_THAT(*made().document().at("linux").at("namespaces").array(), Contains(named));
}

TEST_F(BundleTest, ASeccompProfileIsTakenWhole) {
  options_.seccomp_profile = folder_ / "seccomp.json";
  EXPECT_EQ(make_spec(container_, options_).error().code, Code::not_found);
  const std::string filter =
      R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir"],)"
      R"( "action": "SCMP_ACT_ERRNO", "errnoRet": 1}]})";
  std::ofstream(options_.seccomp_profile) << filter;
  EXPECT_EQ(made().document().at("linux").at("seccomp"), json::parse(filter).value());
  std::ofstream(options_.seccomp_profile) << "{}";
  EXPECT_EQ(make_spec(container_, options_).error().code, Code::invalid);
}

TEST_F(BundleTest, IsWrittenForRootOnlyAndReadBack) {
  Layout layout;
  layout.state = folder_ / "state";
  EXPECT_EQ(read_bundle(layout.bundle(container_.name)).error().code, Code::not_found);
  const auto written = write_bundle(layout, container_, options_);
  ASSERT_TRUE(written) << to_text(written.error());
  const auto read = read_bundle(layout.bundle(container_.name));
  ASSERT_TRUE(read) << to_text(read.error());
  EXPECT_EQ(read->document(), made().document());
  struct stat found {};
  ASSERT_EQ(stat((layout.bundle(container_.name) / "config.json").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600U);
}

TEST_F(BundleTest, WhatCouldNotBeReadBackIsNotWritten) {
  Layout layout;
  layout.state = folder_ / "state";
  const auto with = [&](std::size_t variables) {
    container_.image.env.clear();
    for (std::size_t i = 0; i < variables; ++i) {
      container_.image.env.push_back(fmt::format("V{}={}", i, std::string(100'000, 'x')));
    }
    return write_bundle(layout, container_, options_);
  };
  ASSERT_TRUE(with(10));
  EXPECT_TRUE(read_bundle(layout.bundle(container_.name)));
  const auto more = with(11);
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code, Code::refused);
  EXPECT_THAT(more.error().message, HasSubstr("container web-1: the OCI configuration would have"));
}

TEST_F(BundleTest, AnExecKeepsTheConfinementButNotTheUsersCapabilities) {
  container_.spec.user = "web";
  container_.spec.env = {{"A", "1"}, {"B", "2"}};
  const auto process = make_exec_process(made(), container_, {{"ls"}, {{"B", "3"}}, "/srv", "0:0"});
  ASSERT_TRUE(process) << to_text(process.error());
  EXPECT_EQ(process->at("noNewPrivileges"), json::Value(true));
  EXPECT_EQ(process->at("args"), json::Value(json::Array{"ls"}));
  EXPECT_EQ(process->at("cwd"), json::Value("/srv"));
  EXPECT_THAT(*process->at("env").array(),
              testing::IsSupersetOf({json::Value("A=1"), json::Value("B=3")}));
  EXPECT_EQ(process->at("capabilities").at("effective"),
            process->at("capabilities").at("bounding"));
  const auto same = make_exec_process(made(), container_, {{"ls"}, {}, "", ""});
  ASSERT_TRUE(same);
  EXPECT_TRUE(same->at("capabilities").at("effective").array()->empty());
  EXPECT_EQ(same->at("user").at("uid"), json::Value(33));
  EXPECT_EQ(make_exec_process(made(), container_, {}).error().code, Code::invalid);
  EXPECT_EQ(make_exec_process(made(), container_, {{"ls"}, {}, "relative", ""}).error().code,
            Code::invalid);
}

class AcceptsTest : public testing::Test {
 protected:
  Code refused(const ContainerSpec& spec) const {
    const auto accepted = runtime_.accepts(spec);
    EXPECT_FALSE(accepted);
    return accepted ? Code::broken : accepted.error().code;
  }
  OciRuntime runtime_{Layout(), OciOptions()};
  ContainerSpec spec_;
};

TEST_F(AcceptsTest, ImagesOfLayoutsRegistriesArchivesAndTemplatesAndFolders) {
  for (const char* image :
       {"oci:/srv/layout:latest", "docker://host/app:1", "oci-archive:/srv/a.tar",
        "docker-archive:/srv/a.tar", "template:/srv/a.tar.gz", "local:vztmpl/debian-12.tar.zst"}) {
    spec_.image = image;
    EXPECT_TRUE(runtime_.accepts(spec_)) << image;
  }
  for (const char* image : {"local:vztmpl/debian-12", "local:backup/vzdump.tar.zst"}) {
    spec_.image = image;
    EXPECT_EQ(refused(spec_), Code::refused) << image;
  }
  spec_.image = "";
  spec_.rootfs = "/srv/root";
  EXPECT_TRUE(runtime_.accepts(spec_));
}

TEST_F(AcceptsTest, NoMoreOfASpecThanItsConfigurationHolds) {
  spec_.rootfs = "/srv/root";
  for (int i = 0; i < 5; ++i) {
    spec_.env[fmt::format("V{}", i)] = std::string(100'000, 'x');
  }
  EXPECT_TRUE(runtime_.accepts(spec_));
  spec_.env["V5"] = std::string(10'000, '\x01');  // each of six bytes in JSON
  const auto accepted = runtime_.accepts(spec_);
  ASSERT_FALSE(accepted);
  EXPECT_EQ(accepted.error().code, Code::refused);
  EXPECT_THAT(accepted.error().message, HasSubstr(", env: the spec takes"));
}

TEST_F(AcceptsTest, NoVolumeOverKernelFiles) {
  spec_.rootfs = "/srv/root";
  for (const std::string target :
       {"/proc", "/proc/sys", "/sys/fs", "/dev", "/./proc/", "//sys", "/dev/", "/"}) {
    spec_.volumes = {{"data", target, "", 1, false}};
    EXPECT_EQ(refused(spec_), Code::refused) << target;
  }
  for (const std::string target : {"/data", "/dev/shm", "/processes", "/system"}) {
    spec_.volumes = {{"data", target, "", 1, false}};
    EXPECT_TRUE(runtime_.accepts(spec_)) << target;
  }
}

}  // namespace
}  // namespace drover::runtimes
