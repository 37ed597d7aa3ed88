#include "agent/cli/spec_options.h"

#include <gtest/gtest.h>

#include "agent/cli/confinement_options.h"
#include "agent/cli/mount_options.h"
#include "agent/cli/probe_options.h"
#include "agent/cli/run_options.h"
#include "agent/cli/secret_options.h"
#include "agent/system/file.h"
#include "fakes/temp_folder.h"

namespace drover::cli {
namespace {

TEST(Size, IsInMebibytes) {
  EXPECT_EQ(read_size("--memory", "64").value(), 64U);
  EXPECT_EQ(read_size("--memory", "64M").value(), 64U);
  EXPECT_EQ(read_size("--memory", "64MiB").value(), 64U);
  EXPECT_EQ(read_size("--memory", "2G").value(), 2048U);
  EXPECT_EQ(read_size("--memory", "1T").value(), 1048576U);
  for (const char* text : {"", "M", "0", "-1", "1.5G", "1 G", "64K", "99999999999999999999",
                           "18446744073709551615T", "0x10"}) {
    EXPECT_FALSE(read_size("--memory", text)) << text;
  }
}

TEST(Volume, HasNameTargetSizeStorageAndReadOnly) {
  EXPECT_EQ(read_volume("data:/data").value(), (VolumeSpec{"data", "/data", "", 0, false}));
  EXPECT_EQ(read_volume("data:/data:ro").value(), (VolumeSpec{"data", "/data", "", 0, true}));
  EXPECT_EQ(read_volume("data:/data::local-folder").value(),
            (VolumeSpec{"data", "/data", "local-folder", 0, false}));
  EXPECT_EQ(read_volume("data:/data:1G").value(), (VolumeSpec{"data", "/data", "", 1024, false}));
  EXPECT_EQ(read_volume("data:/data:1G:local-lvm").value(),
            (VolumeSpec{"data", "/data", "local-lvm", 1024, false}));
  EXPECT_EQ(read_volume("data:/data:1G:ro").value(), (VolumeSpec{"data", "/data", "", 1024, true}));
  EXPECT_EQ(read_volume("data:/data:1G:local-lvm:ro").value(),
            (VolumeSpec{"data", "/data", "local-lvm", 1024, true}));
  for (const char* text :
       {"", "data", ":/data:1G", "data::1G", "data:/data:big", "data:/data:rw"}) {
    EXPECT_FALSE(read_volume(text)) << text;
  }
}

TEST(Mount, IsAVolumeUnlessItSaysItsType) {
  EXPECT_FALSE(names_mount_type("data:/data"));
  EXPECT_TRUE(names_mount_type("type=bind,source=/a,target=/b"));
  EXPECT_EQ(read_typed_mount("type=bind,source=/a,target=/b,readonly").value(),
            (MountSpec{MountSpec::Kind::bind, "/b", "/a", true}));
  EXPECT_EQ(read_typed_mount("type=tmpfs,target=/b,size=1G,mode=700").value(),
            (MountSpec{MountSpec::Kind::tmpfs, "/b", "", false, 1024, "700"}));
  EXPECT_EQ(read_tmpfs("/b").value(),
            (MountSpec{MountSpec::Kind::tmpfs, "/b", "", false, 64, "1777"}));
  EXPECT_EQ(read_tmpfs("/b,mode=755,size=8M").value(),
            (MountSpec{MountSpec::Kind::tmpfs, "/b", "", false, 8, "755"}));
  for (const char* text : {"type=", "type=nfs,target=/b", "type=bind,target=/b",
                           "type=bind,source=/a", "type=bind,source=/a,target=/b,size=1",
                           "type=tmpfs,target=/b,readonly", "type=tmpfs,target=/b,size=much",
                           "type=tmpfs,target=/b,source=/a", "type=tmpfs,target=/b,x"}) {
    EXPECT_FALSE(read_typed_mount(text)) << text;
  }
  for (const char* text : {"", "b", "/b,readonly", "/b,target=/c", "/b,size=0"}) {
    EXPECT_FALSE(read_tmpfs(text)) << text;
  }
}

TEST(Secret, HasANameAndWhatItsFileIsLike) {
  EXPECT_EQ(read_secret_option("key").value(), (SecretSpec{"key", "", 0, 0, "444"}));
  EXPECT_EQ(read_secret_option("key,target=/etc/key,uid=33,gid=34,mode=400").value(),
            (SecretSpec{"key", "/etc/key", 33, 34, "400"}));
  for (const char* text : {"", ",", "../key", "key,target=key", "key,uid=root", "key,uid=-1",
                           "key,gid=", "key,mode=", "key,value=x", "key,x"}) {
    EXPECT_FALSE(read_secret_option(text)) << text;
  }
}

TEST(Confinement, IsAddedToWhatTheSpecHas) {
  ContainerSpec spec;
  spec.security.capabilities_add = {"CAP_KILL"};
  spec.sysctls = {{"net.a", "1"}};
  ASSERT_TRUE(set_confinement({}, spec));
  EXPECT_TRUE(spec.security.no_new_privileges);
  ConfinementOptions options;
  options.add = {"NET_ADMIN"};
  options.drop = {"ALL"};
  options.seccomp = "unconfined";
  options.apparmor = "mine";
  options.new_privileges = true;
  options.user_namespace = "auto";
  options.limits = {"nofile=1024:4096", "core=unlimited"};
  options.sysctls = {"net.b=2"};
  options.devices = {"/dev/fuse", "/dev/a:/dev/b", "/dev/a:/dev/c:r"};
  ASSERT_TRUE(set_confinement(options, spec));
  EXPECT_EQ(spec.security.capabilities_add, (std::vector<std::string>{"CAP_KILL", "NET_ADMIN"}));
  EXPECT_EQ(spec.security.capabilities_drop, std::vector<std::string>{"ALL"});
  EXPECT_EQ(spec.security.seccomp, "unconfined");
  EXPECT_EQ(spec.security.apparmor, "mine");
  EXPECT_FALSE(spec.security.no_new_privileges);
  EXPECT_EQ(spec.security.user_namespace, "auto");
  EXPECT_EQ(spec.rlimits.at("nofile"), (ProcessLimit{1024, 4096}));
  EXPECT_EQ(spec.rlimits.at("core"), (ProcessLimit{ProcessLimit::kNone, ProcessLimit::kNone}));
  EXPECT_EQ(spec.sysctls.size(), 2U);
  EXPECT_EQ(spec.devices, (std::vector<DeviceSpec>{{"/dev/fuse", "/dev/fuse", "rwm"},
                                                   {"/dev/a", "/dev/b", "rwm"},
                                                   {"/dev/a", "/dev/c", "r"}}));
  for (const char* wrong : {"nofile", "=1", "nofile=", "nofile=1:", "nofile=-1", "nofile=1:2:3"}) {
    ConfinementOptions one;
    one.limits = {wrong};
    EXPECT_FALSE(set_confinement(one, spec)) << wrong;
  }
  for (const char* wrong : {"", ":", "/dev/a:", "/dev/a::r", "/dev/a:/dev/b:r:w"}) {
    ConfinementOptions one;
    one.devices = {wrong};
    EXPECT_FALSE(set_confinement(one, spec)) << wrong;
  }
}

TEST(Restart, HasAPolicyAndHowOftenInARow) {
  using enum RestartPolicy::When;
  EXPECT_EQ(read_restart("never").value(), (RestartPolicy{never}));
  EXPECT_EQ(read_restart("on-failure").value(), (RestartPolicy{on_failure}));
  EXPECT_EQ(read_restart("on-failure:5").value(), (RestartPolicy{on_failure, 5}));
  EXPECT_EQ(read_restart("always:1").value(), (RestartPolicy{always, 1}));
  for (const char* text : {"", "no", "never:3", "on-failure:", "on-failure:0", "always:x",
                           "always:1:2", "always:1000001"}) {
    EXPECT_FALSE(read_restart(text)) << text;
  }
}

TEST(Probes, AreNamedForWhatTheyAsk) {
  ProbeOptions options;
  options.http = {"8080", "8080/ready?x=1"};
  options.tcp = {"5432"};
  options.exec = {"check  --fast /x", R"(["sh", "-c", "test -f '/a b'"])"};
  options.interval_s = 30;
  options.failures = 5;
  const std::vector<ProbeSpec> probes = read_probes(options).value();
  ASSERT_EQ(probes.size(), 5U);
  EXPECT_EQ(probes[0].name, "http-8080");
  EXPECT_EQ(probes[0].path, "/");
  EXPECT_EQ(probes[1].path, "/ready?x=1");
  EXPECT_EQ(probes[2].name, "tcp-5432");
  EXPECT_EQ(probes[2].port, 5432);
  EXPECT_EQ(probes[3].name, "exec");
  EXPECT_EQ(probes[3].command, (std::vector<std::string>{"check", "--fast", "/x"}));
  EXPECT_EQ(probes[4].name, "exec-2");
  EXPECT_EQ(probes[4].command, (std::vector<std::string>{"sh", "-c", "test -f '/a b'"}));
  for (const ProbeSpec& probe : probes) {
    EXPECT_EQ(probe.interval, std::chrono::seconds(30));
    EXPECT_EQ(probe.failures, 5);
    EXPECT_EQ(probe.timeout, ProbeSpec().timeout);
    // What is sent is what the node reads.
    Faults faults;
    EXPECT_EQ(read_probe(to_json(probe), "", faults), probe);
    EXPECT_TRUE(faults.empty());
  }
}

TEST(Probes, OfAnotherFormAreInvalid) {
  for (const char* text : {"", "0", "65536", "x", "80x", "/path", "-1"}) {
    EXPECT_FALSE(read_probes({.http = {text}})) << text;
    EXPECT_FALSE(read_probes({.tcp = {text}})) << text;
  }
  EXPECT_FALSE(read_probes({.tcp = {"80/"}}));
  for (const char* text : {"", "  ", "[]", "[1]", "[\"\"]", "[\"a\"", "[\"a\", 2]"}) {
    EXPECT_FALSE(read_probes({.exec = {text}})) << text;
  }
}

TEST(Pairs, KeepEverythingBehindTheFirstEqualsSign) {
  EXPECT_EQ(read_pairs("--env", {"A=b=c", "E="}).value(),
            (std::map<std::string, std::string>{{"A", "b=c"}, {"E", ""}}));
  EXPECT_FALSE(read_pairs("--env", {"A"}));
  EXPECT_FALSE(read_pairs("--env", {"=b"}));
}

TEST(RunRequest, OptionsChangeTheSpecOfTheFile) {
  const fakes::TempFolder folder;
  ASSERT_TRUE(system::write_atomically(folder / "spec.json",
                                       "{ // a comment\n \"image\": \"oci:/images/web:1\", "
                                       "\"env\": {\"A\": \"1\", \"B\": \"2\"} }\n"));
  RunOptions options;
  options.file = folder / "spec.json";
  options.name = "web-1";
  options.id = "my-id";
  options.env = {"B=3"};
  options.network.networks = {"none"};
  options.memory = "256M";
  options.runtime = "pve-lxc";
  options.command = {"/bin/web"};
  options.restart = "on-failure:5";
  options.exempt_codes = {3, 4};
  const Result<JobRequest> request = run_request(options);
  ASSERT_TRUE(request) << to_text(request.error());
  EXPECT_EQ(request->id.str(), "my-id");
  EXPECT_EQ(request->target, "web-1");
  EXPECT_EQ(request->spec->image, "oci:/images/web:1");
  EXPECT_EQ(request->spec->env, (std::map<std::string, std::string>{{"A", "1"}, {"B", "3"}}));
  EXPECT_EQ(request->spec->networks, std::vector<NetworkSpec>());
  EXPECT_EQ(request->spec->resources.memory_mib, 256U);
  EXPECT_EQ(request->spec->runtime, RuntimeKind::pve_lxc);
  EXPECT_EQ(request->spec->restart, (RestartPolicy{RestartPolicy::When::on_failure, 5, {3, 4}}));
  EXPECT_EQ(request->spec->command, std::vector<std::string>{"/bin/web"});

  ASSERT_TRUE(system::write_atomically(folder / "spec.json", "{\n\"imgae\": 1\n}"));
  const Result<JobRequest> faulty = run_request(options);
  ASSERT_FALSE(faulty);
  ASSERT_EQ(faulty.error().faults.size(), 1U);
  EXPECT_EQ(faulty.error().faults.front().pointer, "/imgae");
  EXPECT_EQ(faulty.error().faults.front().line, 2U);
}

TEST(RunRequest, WithoutANameOneIsMade) {
  const Result<JobRequest> request = run_request(RunOptions{});
  ASSERT_TRUE(request);
  EXPECT_TRUE(ContainerName::parse(request->target));
}

TEST(Mount, NamesAVolumeThatOutlivesContainers) {
  const auto mount = read_mount("data:/srv/data:ro");
  ASSERT_TRUE(mount);
  EXPECT_EQ(mount->from, "data");
  EXPECT_EQ(mount->target, "/srv/data");
  EXPECT_TRUE(mount->read_only);
  EXPECT_FALSE(read_mount("data:/srv")->read_only);
  for (const char* bad : {"", "data", "data:", ":/srv", "data:/srv:rw", "data:/srv:64M"}) {
    EXPECT_FALSE(read_mount(bad)) << bad;
  }
}

}  // namespace
}  // namespace drover::cli
