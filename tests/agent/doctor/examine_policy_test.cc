// What a policy lets jobs loosen is told; what it names and is not there is a fault.
#include "agent/doctor/examine_policy.h"

#include <gmock/gmock.h>

#include "fakes/temp_folder.h"

namespace drover::doctor {
namespace {

std::vector<std::string> told(const std::string& policy) {
  const auto config = parse_config(R"({"policy":)" + policy + "}");
  EXPECT_TRUE(config) << policy;
  std::vector<std::string> lines;
  for (const Finding& finding : examine_policy(config.value_or(Config{}))) {
    EXPECT_EQ(finding.about, "policy");
    lines.push_back((finding.ok ? "" : "FAULT ") + finding.message);
  }
  return lines;
}

using testing::ElementsAre;

TEST(ExaminePolicyTest, AFreshNodeLoosensNothing) {
  EXPECT_THAT(told("{}"), ElementsAre("jobs loosen nothing of their containers' isolation"));
  EXPECT_THAT(told(R"({"memory_mib":512,"images":["oci:*"],"io":false})"),
              ElementsAre("jobs loosen nothing of their containers' isolation"));
}

TEST(ExaminePolicyTest, WhatItLoosensIsToldByMember) {
  EXPECT_THAT(told(R"({"capabilities":["NET_ADMIN","ALL"],"seccomp":["unconfined"],
                       "apparmor":["web-*"],"new_privileges":true,"oci":["/linux"],
                       "devices":[{"path":"/dev/sd?","permissions":"r"}],
                       "network":{"parents":["eno*"],"routed":["10.9.0.0/16"],
                                  "subnets":["10.8.0.0/16","8.8.8.0/24"]},
                       "binds":[{"source":"/"},{"source":"/dev","read_only":false}]})"),
              ElementsAre("policy.capabilities lets jobs add CAP_NET_ADMIN, ALL",
                          "policy.seccomp lets jobs go without a filter of system calls",
                          "policy.apparmor lets jobs choose profiles: web-*",
                          "policy.new_privileges lets jobs have programs that gain privileges",
                          "policy.devices lets jobs have /dev/sd? with r",
                          "policy.binds lets jobs read / and below",
                          "policy.binds lets jobs write /dev and below",
                          "policy.network.parents lets jobs be hosts beside the node on eno*",
                          "policy.network.routed lets jobs give the node routes and addresses in "
                          "10.9.0.0/16",
                          "policy.network.subnets lets jobs make networks in 8.8.8.0/24",
                          "policy.oci lets jobs patch /linux"));
}

TEST(ExaminePolicyTest, WhatIsNotThereOrAnybodysIsAFault) {
  const fakes::TempFolder folder;
  const std::string mine = (folder / "mine").native();
  const std::string shared = (folder / "shared").native();
  std::filesystem::create_directory(mine);
  std::filesystem::permissions(mine, std::filesystem::perms(0755));
  std::filesystem::create_directory(shared);
  std::filesystem::permissions(shared, std::filesystem::perms(0775));
  EXPECT_THAT(told(R"({"seccomp":[")" + mine + R"(",")" + shared + R"(",")" + mine +
                   R"(/not"],"binds":[{"source":")" + mine + R"(/not"}]})"),
              ElementsAre("policy.seccomp lets jobs take filters from " + mine,
                          "policy.seccomp lets jobs take filters from " + shared,
                          "policy.seccomp lets jobs take filters from " + mine + "/not",
                          "policy.binds lets jobs read " + mine + "/not and below",
                          "FAULT policy.seccomp: others than root may change what is in " + shared,
                          "FAULT policy.seccomp: there is no folder " + mine + "/not",
                          "FAULT policy.binds: there is no " + mine + "/not"));
}

TEST(ExaminePolicyTest, ALinkToWhereContainersMayWriteIsAFault) {
  const fakes::TempFolder folder;
  const std::string data = std::filesystem::canonical(folder.path()).native() + "/data";
  std::filesystem::create_directory(data);
  std::filesystem::permissions(data, std::filesystem::perms(0755));
  std::filesystem::create_symlink(data, folder / "profiles");
  const std::string link = (folder / "profiles").native();
  EXPECT_THAT(told(R"({"seccomp":[")" + link + R"("],"binds":[{"source":")" + data +
                   R"(","read_only":false}]})"),
              testing::Contains("FAULT policy.binds: containers may write in " + link +
                                ", which is " + data + ", by " + data));
}

}  // namespace
}  // namespace drover::doctor
