#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/core/config.h"
#include "agent/core/container_spec.h"

namespace drover {
namespace {

TEST(EtcdConfig, IsReadWithItsDefaults) {
  const Result<Config> config = parse_config(
      R"({"etcd":{"endpoints":["https://192.0.2.1:2379"],"ca":"/etc/drover/etcd.crt"}})");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_THAT(config->etcd.endpoints, testing::ElementsAre("https://192.0.2.1:2379"));
  EXPECT_EQ(config->etcd.ca, "/etc/drover/etcd.crt");
  EXPECT_EQ(config->etcd.prefix, "/drover");
  EXPECT_EQ(config->etcd.ttl_s, 15);
  EXPECT_EQ(config->etcd.grace_s, 3);
}

TEST(EtcdConfig, WhatCannotBeRightIsTold) {
  for (const auto& [members, pointer] : std::vector<std::pair<std::string, std::string>>{
           {R"("endpoints":["192.0.2.1"])", "/etcd/endpoints"},
           {R"("cert":"/a")", "/etcd/key"},
           {R"("user":"drover")", "/etcd/password_file"},
           {R"("prefix":"/drover/")", "/etcd/prefix"},
           {R"("ttl_s":6,"grace_s":3)", "/etcd/grace_s"}}) {
    const Result<Config> config = parse_config(R"({"etcd":{)" + members + "}}");
    ASSERT_FALSE(config) << members;
    ASSERT_EQ(config.error().faults.size(), 1U) << members;
    EXPECT_EQ(config.error().faults.front().pointer, pointer);
  }
}

TEST(Singleton, IsClaimedByItsOwnNameOrAnother) {
  for (const auto& [text, claim] : std::vector<std::pair<std::string, std::string>>{
           {R"({"singleton":true})", std::string(kOwnClaim)},
           {R"({"singleton":{}})", std::string(kOwnClaim)},
           {R"({"singleton":{"claim":"billing"}})", "billing"},
           {R"({"singleton":false})", ""}}) {
    Faults faults;
    const ContainerSpec spec = read_container_spec(json::parse(text).value(), "", faults);
    EXPECT_TRUE(faults.empty()) << text;
    EXPECT_EQ(spec.singleton, claim) << text;
    EXPECT_EQ(read_container_spec(to_json(spec), "", faults), spec) << text;
  }
  Faults faults;
  read_container_spec(json::parse(R"({"singleton":{"claim":"a/b"}})").value(), "", faults);
  EXPECT_FALSE(faults.empty());
}

}  // namespace
}  // namespace drover
