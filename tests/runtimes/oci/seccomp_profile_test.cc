#include "runtimes/oci/seccomp_profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "fakes/temp_folder.h"
#include "runtimes/oci/spec.h"

namespace drover::runtimes {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

const SeccompFacts kFacts{"x86_64", 6, 1, {"CAP_CHOWN", "CAP_SYS_CHROOT"}};

json::Value read(const std::string& text, const SeccompFacts& facts = kFacts) {
  const auto filter = read_seccomp_profile(text, facts);
  EXPECT_TRUE(filter) << to_text(filter.error());
  return filter.value_or(json::Value());
}

/// The calls that have a rule with this action and without arguments.
std::set<std::string> named(const json::Value& filter, std::string_view action) {
  std::set<std::string> names;
  for (const json::Value& rule : *filter.at("syscalls").array()) {
    if (rule.at("action").string_or("") == action && rule.find("args") == nullptr) {
      for (const json::Value& name : *rule.at("names").array()) {
        names.emplace(name.string_or(""));
      }
    }
  }
  return names;
}

/// A profile with this one rule beside one for mkdir.
std::set<std::string> allowed_of(const std::string& conditions,
                                 const SeccompFacts& facts = kFacts) {
  return named(read(R"({"defaultAction":"SCMP_ACT_ERRNO","archMap":[],"syscalls":[)"
                    R"({"names":["mkdir"],"action":"SCMP_ACT_ALLOW"},)"
                    R"({"names":["chroot"],"action":"SCMP_ACT_ALLOW",)" +
                        conditions + "}]}",
                    facts),
               "SCMP_ACT_ALLOW");
}

std::vector<std::string> faults_of(const std::string& text) {
  const auto filter = read_seccomp_profile(text, kFacts);
  EXPECT_FALSE(filter) << text;
  std::vector<std::string> pointers;
  if (!filter) {
    EXPECT_EQ(filter.error().code, Code::invalid) << text;
    for (const Fault& fault : filter.error().faults) {
      pointers.push_back(fault.pointer);
    }
  }
  return pointers;
}

TEST(SeccompProfile, OneOfTheOciSpecificationIsTakenAsItIs) {
  const std::string text = R"({"defaultAction":"SCMP_ACT_ALLOW","flags":["SECCOMP_FILTER_FLAG_LOG"],
    "syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_ERRNO","errnoRet":1}]})";
  EXPECT_EQ(read(text), json::parse(text).value());
}

TEST(SeccompProfile, RulesHoldWhereTheirConditionsDo) {
  const auto both = testing::ElementsAre("chroot", "mkdir");
  const auto one = testing::ElementsAre("mkdir");
  EXPECT_THAT(allowed_of(R"("includes":{},"excludes":{})"), both);
  EXPECT_THAT(allowed_of(R"("includes":{"caps":["CAP_SYS_CHROOT"]})"), both);
  EXPECT_THAT(allowed_of(R"("includes":{"caps":["CAP_SYS_CHROOT","CAP_BPF"]})"), one) << "all";
  EXPECT_THAT(allowed_of(R"("excludes":{"caps":["CAP_BPF","CAP_SYS_CHROOT"]})"), one) << "any";
  EXPECT_THAT(allowed_of(R"("excludes":{"caps":["CAP_BPF"]})"), both);
  EXPECT_THAT(allowed_of(R"("includes":{"arches":["amd64","x32"]})"), both);
  EXPECT_THAT(allowed_of(R"("includes":{"arches":["arm64"]})"), one);
  EXPECT_THAT(allowed_of(R"("excludes":{"arches":["amd64"]})"), one);
  EXPECT_THAT(allowed_of(R"("includes":{"minKernel":"4.8"})"), both);
  EXPECT_THAT(allowed_of(R"("includes":{"minKernel":"6.1"})"), both);
  EXPECT_THAT(allowed_of(R"("includes":{"minKernel":"6.10"})"), one) << "numbers, not text";
  EXPECT_THAT(allowed_of(R"("excludes":{"minKernel":"4.8"})"), one);
  EXPECT_THAT(allowed_of(R"("includes":{"arches":["arm64"]})", {"aarch64", 6, 1, {}}), both);
}

TEST(SeccompProfile, ArchitecturesAreTheMachinesOwnAndThoseItRunsToo) {
  const std::string text = R"({"defaultAction":"SCMP_ACT_ERRNO","archMap":[
    {"architecture":"SCMP_ARCH_X86_64","subArchitectures":["SCMP_ARCH_X86","SCMP_ARCH_X32"]},
    {"architecture":"SCMP_ARCH_S390X","subArchitectures":null}]})";
  EXPECT_EQ(read(text).at("architectures"),
            json::Value(json::Array{"SCMP_ARCH_X86_64", "SCMP_ARCH_X86"}))
      << "x32, which no node runs, costs each start as much as another";
  EXPECT_EQ(read(text, {"s390x", 6, 1, {}}).at("architectures"),
            json::Value(json::Array{"SCMP_ARCH_S390X"}));
  EXPECT_EQ(read(text, {"riscv64", 6, 1, {}}).at("architectures"),
            json::Value(json::Array{"SCMP_ARCH_RISCV64"}));
  EXPECT_EQ(read_seccomp_profile(text, {"vax", 6, 1, {}}).error().code, Code::invalid);
}

TEST(SeccompProfile, ErrorsAreNumbersOrNamesAndArgumentsStay) {
  const json::Value filter = read(R"({"defaultAction":"SCMP_ACT_ERRNO","defaultErrno":"ENOSYS",
    "archMap":[],"syscalls":[
    {"names":["a"],"action":"SCMP_ACT_ERRNO","errno":"EPERM"},
    {"name":"b","action":"SCMP_ACT_ERRNO","errnoRet":22,"errno":"EINVAL","args":[
      {"index":0,"value":18446744073709551615,"valueTwo":0,"op":"SCMP_CMP_EQ"}]},
    {"names":["c"],"action":"SCMP_ACT_ALLOW","args":null}]})");
  EXPECT_EQ(filter.at("defaultErrnoRet"), json::Value(38));
  const json::Array& rules = *filter.at("syscalls").array();
  EXPECT_EQ(rules.at(0).at("errnoRet"), json::Value(1));
  EXPECT_EQ(rules.at(1).at("names"), json::Value(json::Array{"b"}));
  EXPECT_EQ(rules.at(1).at("errnoRet"), json::Value(22));
  EXPECT_EQ(rules.at(1).at("args").array()->front().at("value"),
            json::Value(std::uint64_t{18446744073709551615U}));
  EXPECT_EQ(rules.at(2).find("args"), nullptr);
}

TEST(SeccompProfile, WhatIsNotUnderstoodWholeIsInvalid) {
  const auto rule = [](const std::string& members) {
    return R"({"defaultAction":"SCMP_ACT_ERRNO","archMap":[],"syscalls":[{)" + members + "}]}";
  };
  const std::string mkdir = R"("names":["mkdir"],"action":"SCMP_ACT_ALLOW",)";
  EXPECT_THAT(faults_of("{}"), Contains("/defaultAction"));
  EXPECT_THAT(faults_of(R"({"defaultAction":"ALLOW"})"), Contains("/defaultAction"));
  EXPECT_THAT(faults_of(R"({"defaultAction":"SCMP_ACT_ERRNO","archMap":[],"more":1})"),
              Contains("/more"));
  EXPECT_THAT(faults_of(rule(R"("action":"SCMP_ACT_ALLOW")")), Contains("/syscalls/0/names"));
  EXPECT_THAT(faults_of(rule(R"("names":["a"])")), Contains("/syscalls/0/action"));
  EXPECT_THAT(faults_of(rule(mkdir + R"("includes":{"uids":[0]})")),
              Contains("/syscalls/0/includes/uids"));
  EXPECT_THAT(faults_of(rule(mkdir + R"("includes":{"minKernel":"new"})")),
              Contains("/syscalls/0/includes/minKernel"));
  EXPECT_THAT(faults_of(rule(mkdir + R"("errno":"EWHAT")")), Contains("/syscalls/0/errno"));
  EXPECT_THAT(faults_of(rule(mkdir + R"("errno":"EPERM","errnoRet":2)")),
              Contains("/syscalls/0/errno"));
  EXPECT_THAT(faults_of(rule(mkdir + R"("args":[{"index":6,"op":"EQ","value":-1}])")),
              testing::IsSupersetOf({"/syscalls/0/args/0/index", "/syscalls/0/args/0/op",
                                     "/syscalls/0/args/0/value"}));
  EXPECT_EQ(read_seccomp_profile("[", kFacts).error().code, Code::invalid);
  EXPECT_EQ(read_seccomp_profile("[]", kFacts).error().code, Code::invalid);
}

TEST(SeccompProfile, DebiansIsReadForTheUsualAndForEveryCapability) {
  const auto usual = load_seccomp_profile(kDefaultSeccompProfile, kFacts);
  ASSERT_TRUE(usual) << to_text(usual.error());
  const std::set<std::string> allowed = named(*usual, "SCMP_ACT_ALLOW");
  EXPECT_GT(allowed.size(), 300U);
  EXPECT_THAT(allowed, Contains("chroot"));
  EXPECT_THAT(allowed, Not(Contains("bpf")));
  EXPECT_THAT(named(*usual, "SCMP_ACT_ERRNO"), Contains("bpf"));
  SeccompFacts facts = kFacts;
  facts.capabilities = {"CAP_SYS_ADMIN"};
  const auto admin = load_seccomp_profile(kDefaultSeccompProfile, facts);
  ASSERT_TRUE(admin) << to_text(admin.error());
  EXPECT_THAT(named(*admin, "SCMP_ACT_ALLOW"), Contains("bpf"));
  EXPECT_THAT(named(*admin, "SCMP_ACT_ALLOW"), Not(Contains("chroot")));
  // What the runtimes are given has none of what only the profile's kind of file has.
  for (const json::Value& rule : *usual->at("syscalls").array()) {
    for (const auto& [key, value] : *rule.object()) {
      EXPECT_THAT(key, testing::AnyOf("names", "action", "errnoRet", "args"));
    }
  }
}

TEST(SeccompProfile, OneThatIsNotThereIsNamed) {
  fakes::TempFolder folder;
  EXPECT_EQ(load_seccomp_profile(folder / "none", kFacts).error().code, Code::not_found);
  EXPECT_EQ(check_seccomp_profile(folder / "none").error().code, Code::not_found);
  EXPECT_THAT(check_seccomp_profile(folder / "none").error().message, HasSubstr("none"));
  std::ofstream(folder / "broken") << "{";
  EXPECT_TRUE(check_seccomp_profile(folder / "broken"));
  const auto broken = load_seccomp_profile(folder / "broken", kFacts);
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().code, Code::invalid);
  EXPECT_THAT(broken.error().message, HasSubstr("broken"));
}

TEST(SeccompProfile, TheNodesFactsAreItsOwn) {
  const SeccompFacts facts = seccomp_facts({"CAP_CHOWN"});
  EXPECT_FALSE(facts.machine.empty());
  EXPECT_GE(facts.kernel_major, 5U);
  EXPECT_EQ(facts.capabilities.size(), 1U);
}

}  // namespace
}  // namespace drover::runtimes
