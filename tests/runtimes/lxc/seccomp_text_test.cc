// A filter of system calls in LXC's own form: rule by rule, and that what LXC cannot be told is
// refused and not left out.
#include "runtimes/lxc/seccomp_text.h"

#include <gmock/gmock.h>

#include "runtimes/oci/capability_set.h"
#include "runtimes/oci/seccomp_profile.h"

namespace drover::runtimes {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

Result<std::string> text_of(const std::string& filter) {
  return lxc_seccomp_text(json::parse(filter).value());
}

TEST(SeccompTextTest, ActionsAndArgumentsAreLxcsWords) {
  EXPECT_EQ(text_of(R"({"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":38,"syscalls":[
      {"names":["read","write"],"action":"SCMP_ACT_ALLOW"},
      {"names":["mount"],"action":"SCMP_ACT_ERRNO"},
      {"names":["umount2"],"action":"SCMP_ACT_ERRNO","errnoRet":13},
      {"names":["bpf"],"action":"SCMP_ACT_ERRNO","errnoRet":38},
      {"names":["acct"],"action":"SCMP_ACT_KILL_THREAD"},
      {"names":["nice"],"action":"SCMP_ACT_TRAP"},
      {"names":["personality"],"action":"SCMP_ACT_ALLOW","args":[
        {"index":0,"op":"SCMP_CMP_EQ","value":18446744073709551615,"valueTwo":0}]},
      {"names":["clone"],"action":"SCMP_ACT_ALLOW","args":[
        {"index":0,"op":"SCMP_CMP_MASKED_EQ","value":2114060288,"valueTwo":0},
        {"index":1,"op":"SCMP_CMP_NE","value":7}]},
      {"names":["keyctl"],"action":"SCMP_ACT_ALLOW","args":[
        {"index":0,"op":"SCMP_CMP_EQ","value":1},{"index":0,"op":"SCMP_CMP_EQ","value":2}]}]})")
                .value(),
            "2\nallowlist errno 38\n[all]\n"
            "read allow\nwrite allow\nmount errno 1\numount2 errno 13\nacct kill\nnice trap\n"
            "personality allow [0,18446744073709551615,SCMP_CMP_EQ]\n"
            "clone allow [0,0,SCMP_CMP_MASKED_EQ,2114060288][1,7,SCMP_CMP_NE]\n"
            "keyctl allow [0,1,SCMP_CMP_EQ]\nkeyctl allow [0,2,SCMP_CMP_EQ]\n");
  EXPECT_EQ(text_of(R"({"defaultAction":"SCMP_ACT_ALLOW","flags":[]})").value(),
            "2\nallowlist allow\n[all]\n");
}

TEST(SeccompTextTest, WhatLxcCannotBeToldIsRefused) {
  const auto refusal = [](const std::string& rule) {
    const auto text = text_of(R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[)" + rule + "]}");
    EXPECT_FALSE(text) << rule;
    EXPECT_TRUE(text || text.error().code == Code::refused);
    return text ? "" : text.error().message;
  };
  EXPECT_THAT(refusal(R"({"names":["read"],"action":"SCMP_ACT_LOG"})"),
              AllOf(HasSubstr("lxc, seccomp"), HasSubstr("SCMP_ACT_LOG")));
  EXPECT_THAT(refusal(R"({"names":["read"],"action":"SCMP_ACT_NOTIFY"})"), HasSubstr("NOTIFY"));
  for (const char* name :
       {"read\\nwrite allow", "read allow", "[x86]", "", "#read", "reject_force_umount"}) {
    EXPECT_THAT(refusal(fmt::format(R"({{"names":["{}"],"action":"SCMP_ACT_TRAP"}})", name)),
                HasSubstr("filter a call"))
        << name;
  }
  EXPECT_THAT(refusal(R"({"names":["socket"],"action":"SCMP_ACT_TRAP","args":[
                          {"index":0,"op":"SCMP_CMP_EQ","value":40}]})"),
              HasSubstr("tell calls of socket by their arguments"));
  EXPECT_THAT(refusal(R"({"names":["mkdir"],"action":"SCMP_ACT_TRAP","args":[
                          {"index":0,"op":"SCMP_CMP_ODD","value":4}]})"),
              HasSubstr("compare by SCMP_CMP_ODD"));
  for (const char* member : {R"("flags":["SECCOMP_FILTER_FLAG_LOG"])", R"("listenerPath":"/x")"}) {
    EXPECT_FALSE(text_of(fmt::format(R"({{"defaultAction":"SCMP_ACT_ALLOW",{}}})", member)))
        << member;
  }
  EXPECT_FALSE(text_of(R"({"defaultAction":"SCMP_ACT_KILL_PROCESS"})"));
}

TEST(SeccompTextTest, TheUsualProfileCanBeTold) {
  const auto filter = load_seccomp_profile(kDefaultSeccompProfile,
                                           seccomp_facts(bounding_capabilities(SecuritySpec())));
  ASSERT_TRUE(filter) << to_text(filter.error());
  const auto text = lxc_seccomp_text(*filter);
  ASSERT_TRUE(text) << to_text(text.error());
  EXPECT_THAT(*text, AllOf(HasSubstr("\nopenat allow\n"), HasSubstr("\nbpf errno 1\n"),
                           HasSubstr("\nsocket allow\n"), Not(HasSubstr("socket errno")),
                           HasSubstr("\npersonality allow [0,8,SCMP_CMP_EQ]\n")));
}

}  // namespace
}  // namespace drover::runtimes
