#include "runtimes/oci/spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace drover::runtimes {
namespace {

using testing::ElementsAre;

constexpr std::string_view kWhole = R"({
  "ociVersion": "1.0.2-dev",
  "process": {
    "terminal": false,
    "user": {"uid": 1000, "gid": 100, "additionalGids": [4, 24]},
    "args": ["sh", "-c", "exit 7"],
    "env": ["PATH=/bin", "EMPTY="],
    "cwd": "/srv",
    "ioPriority": {"class": "IOPRIO_CLASS_IDLE", "priority": 4}
  },
  "root": {"path": "rootfs", "readonly": true},
  "hostname": "web-1",
  "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
  "annotations": {"org.example.a": "b"},
  "linux": {
    "namespaces": [{"type": "pid"}, {"type": "network", "path": "/run/netns/x"}],
    "resources": {"memory": {"limit": 1048576, "kernelTCP": -1}, "rdma": {"mlx5_1": {}}},
    "x-of-a-later-version": [1, 2.5, null]
  },
  "zos": {"a": 1}
})";

std::vector<std::string> pointers(const Error& error) {
  std::vector<std::string> found;
  for (const Fault& fault : error.faults) {
    found.push_back(fault.pointer);
  }
  return found;
}

TEST(SpecTest, ReadsWhatStandsThere) {
  const auto spec = Spec::parse(kWhole);
  ASSERT_TRUE(spec) << to_text(spec.error());
  EXPECT_THAT(spec->args(), ElementsAre("sh", "-c", "exit 7"));
  EXPECT_THAT(spec->env(), ElementsAre("PATH=/bin", "EMPTY="));
  EXPECT_EQ(spec->cwd(), "/srv");
  EXPECT_EQ(spec->root(), "rootfs");
  EXPECT_EQ(spec->hostname(), "web-1");
  EXPECT_EQ(spec->annotation("org.example.a"), "b");
  EXPECT_EQ(spec->annotation("org.example.b"), "");
}

TEST(SpecTest, UnknownMembersPassThrough) {
  auto spec = Spec::parse(kWhole);
  ASSERT_TRUE(spec) << to_text(spec.error());
  EXPECT_EQ(json::parse(spec->emit()).value(), json::parse(kWhole).value());
  spec->set_args({"true"});
  const json::Value written = json::parse(spec->emit()).value();
  EXPECT_EQ(written.at("linux").at("x-of-a-later-version"),
            json::Value(json::Array{1, 2.5, nullptr}));
  EXPECT_EQ(written.at("process").at("ioPriority").at("priority"), json::Value(4));
  EXPECT_EQ(written.at("process").at("args"), json::Value(json::Array{"true"}));
}

TEST(SpecTest, OneThatIsBuiltIsReadBackTheSame) {
  Spec spec;
  EXPECT_FALSE(spec.validate());
  spec.set_args({"/bin/sleep", "1"});
  spec.set_env({"A=b"});
  spec.set_cwd("/");
  spec.set_user({5, 6, {7}});
  spec.set_root("/srv/rootfs", false);
  spec.set_hostname("h");
  spec.set_annotation("org.example.a", "1");
  spec.add_mount("/data", "bind", "/srv/data", {"rbind", "ro"});
  spec.add_namespace("pid");
  spec.add_namespace("network", "/run/netns/n");
  spec.set({"linux", "resources", "pids", "limit"}, 10);
  ASSERT_TRUE(spec.validate()) << to_text(spec.validate().error());
  const auto again = Spec::parse(spec.emit());
  ASSERT_TRUE(again) << to_text(again.error());
  EXPECT_EQ(again->document(), spec.document());
  EXPECT_EQ(again->document().at("linux").at("namespaces").array()->size(), 2U);
  EXPECT_EQ(again->document().at("process").at("user").at("uid").integer_or(0), 5);
}

TEST(SpecTest, AllFaultsAreNamedAtOnce) {
  const auto spec = Spec::parse(R"({
    "ociVersion": "2.0.0",
    "process": {
      "args": [],
      "cwd": "srv",
      "env": ["PATH"],
      "user": {"uid": -1, "additionalGids": ["wheel"]},
      "capabilities": {"bounding": ["KILL"]},
      "oomScoreAdj": 2000
    },
    "root": {},
    "mounts": [{"destination": "data"}],
    "linux": {
      "namespaces": [{"type": "pid"}, {"type": "pid"}, {"type": "net"}],
      "maskedPaths": ["proc"],
      "resources": {"memory": {"limit": "1M"}, "cpu": {"period": 1}},
      "seccomp": {}
    }
  })");
  ASSERT_FALSE(spec);
  EXPECT_EQ(spec.error().code, Code::invalid);
  EXPECT_THAT(
      pointers(spec.error()),
      testing::IsSupersetOf(
          {"/ociVersion", "/process/args", "/process/cwd", "/process/env", "/process/user/uid",
           "/process/user/additionalGids", "/process/capabilities/bounding", "/process/oomScoreAdj",
           "/root/path", "/mounts/0/destination", "/linux/namespaces/1/type",
           "/linux/namespaces/2/type", "/linux/maskedPaths", "/linux/resources/memory/limit",
           "/linux/resources/cpu/period", "/linux/seccomp/defaultAction"}));
  for (const Fault& fault : spec.error().faults) {
    EXPECT_TRUE(fault.pointer == "/root/path" || fault.line > 1 ||
                fault.pointer == "/linux/seccomp/defaultAction")
        << fault.pointer;
  }
}

TEST(SpecTest, WhatIsNoObjectIsInvalid) {
  for (const std::string_view text : {"", "[]", "null", "{", "{\"ociVersion\": 1}", "{} {}"}) {
    const auto spec = Spec::parse(text);
    ASSERT_FALSE(spec) << text;
    EXPECT_EQ(spec.error().code, Code::invalid) << text;
  }
}

TEST(SpecTest, ADocumentBeyondTheBoundIsInvalid) {
  const std::string text = R"({"ociVersion": "1.0.2", "x": ")" + std::string(2 << 20, 'x') + "\"}";
  EXPECT_EQ(Spec::parse(text).error().code, Code::invalid);
}

}  // namespace
}  // namespace drover::runtimes
