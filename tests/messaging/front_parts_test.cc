// The front's parts that need no socket: its clients' numbers and the schema of jobs.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cmath>

#include "agent/core/job.h"
#include "messaging/front/denials.h"
#include "messaging/front/doorkeeper.h"
#include "messaging/front/job_schema.h"
#include "messaging/front/peers.h"

namespace drover::messaging {
namespace {

TEST(PeersTest, AClientKeepsItsNumberAndNumbersAreNeverUsedAgain) {
  Peers peers(2, 100);
  const std::uint64_t one = peers.meet({0, "a"}).number;
  const std::uint64_t two = peers.meet({1, "a"}).number;
  EXPECT_EQ(one, 100U);
  EXPECT_NE(one, two);
  EXPECT_EQ(peers.meet({0, "a"}).number, one);
  EXPECT_EQ(peers.find(two)->address.door, 1U);
  // The third forgets the one that was silent longest.
  const std::uint64_t three = peers.meet({0, "b"}).number;
  EXPECT_EQ(peers.find(two), nullptr);
  EXPECT_NE(peers.find(one), nullptr);
  EXPECT_GT(peers.meet({1, "a"}).number, three);
  EXPECT_EQ(peers.size(), 2U);
}

TEST(PeersTest, ARoutingIdIsAnothersWithAnotherKey) {
  Peers peers(10, 1);
  const std::uint64_t first = peers.meet({0, "a", "ci", "K"}).number;
  EXPECT_NE(peers.meet({0, "a", "ci", "L"}).number, first);
  EXPECT_NE(peers.meet({0, "a", "other", "K"}).number, first);
  EXPECT_EQ(peers.meet({0, "a", "ci", "K"}).number, first);
  EXPECT_EQ(peers.forget_if([](const Peers::Peer& peer) { return peer.address.key == "K"; }).size(),
            2U);
  EXPECT_EQ(peers.find(first), nullptr);
  EXPECT_EQ(peers.size(), 1U);
  EXPECT_GT(peers.meet({0, "a", "ci", "K"}).number, first);
}

class DoorkeeperTest : public testing::Test {
 protected:
  static constexpr char kByte = '\7';
  static AllowList list(const std::string& name, char byte, std::set<KeyRole> roles) {
    KeyBytes bytes{};
    bytes.fill(static_cast<std::uint8_t>(byte));
    AllowList list;
    EXPECT_TRUE(list.add({KeyName::parse(name).value(),
                          public_key_of(bytes).value(),
                          std::move(roles),
                          {},
                          {},
                          {}}));
    return list;
  }
  std::vector<std::string> ask(const std::string& domain, char byte = kByte) {
    const std::string key(kKeyBytes, byte);
    return keeper_.answer({"1.0", "42", domain, "10.0.0.1", "", "CURVE", key});
  }
  Doorkeeper keeper_;
};

TEST_F(DoorkeeperTest, LetsInWhoHasTheRoleThatTheDomainNames) {
  EXPECT_EQ(ask("observe").at(2), "300") << "nobody is allowed yet";
  keeper_.allow(list("ci", kByte, {KeyRole::submit}));
  const std::vector<std::string> let_in = ask("submit");
  ASSERT_EQ(let_in.size(), 6U);
  EXPECT_EQ(let_in.at(0), "1.0");
  EXPECT_EQ(let_in.at(1), "42");
  EXPECT_EQ(let_in.at(2), "200");
  EXPECT_EQ(let_in.at(4), "ci");
  EXPECT_EQ(let_in.at(5).substr(0, 15), std::string("\12Drover-Key\0\0\0\50", 15));
  EXPECT_EQ(ask("observe").at(2), "200");
  for (const char* domain : {"admin", "dispatch", "", "global"}) {
    EXPECT_EQ(ask(domain).at(2), "300") << domain;
  }
  EXPECT_EQ(ask("observe", '\10').at(2), "300");
}

TEST_F(DoorkeeperTest, WhatIsNoRequestIsDeniedToo) {
  keeper_.allow(list("ci", kByte, {KeyRole::admin}));
  const std::string key(kKeyBytes, kByte);
  const std::vector<std::vector<std::string_view>> bad = {
      {},
      {"1.0"},
      {"1.1", "42", "observe", "", "", "CURVE", key},
      {"1.0", "42", "observe", "", "", "PLAIN", "user", "password"},
      {"1.0", "42", "observe", "", "", "NULL"},
      {"1.0", "42", "observe", "", "", "CURVE", std::string_view(key).substr(1)},
      {"1.0", "42", "observe", "", "", "CURVE", key, ""}};
  for (const auto& request : bad) {
    EXPECT_EQ(keeper_.answer(request).at(2), "300") << request.size();
  }
}

TEST_F(DoorkeeperTest, SaysWhenAnObserverMayNotSeeEventsAnyMore) {
  EXPECT_FALSE(keeper_.allow(list("ci", kByte, {KeyRole::submit})));
  EXPECT_FALSE(keeper_.allow(list("ci", kByte, {KeyRole::observe})));
  EXPECT_TRUE(keeper_.allow(list("ci", '\10', {KeyRole::observe}))) << "the name has another key";
  EXPECT_TRUE(keeper_.allow(list("ci", '\10', {KeyRole::dispatch})));
  EXPECT_FALSE(keeper_.allow(AllowList()));
}

TEST_F(DoorkeeperTest, TellsOfThoseItDenies) {
  std::vector<KeyDenial> told;
  Doorkeeper keeper([&](const KeyDenial& denial) { told.push_back(denial); });
  keeper.allow(list("ci", kByte, {KeyRole::observe}));
  const std::string key(kKeyBytes, kByte);
  keeper.answer({"1.0", "42", "observe", "10.0.0.1", "", "CURVE", key});
  EXPECT_TRUE(told.empty());
  keeper.answer({"1.0", "42", "admin", "10.0.0.1", "", "CURVE", key});
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].name, "ci");
  EXPECT_EQ(told[0].address, "10.0.0.1");
  EXPECT_EQ(told[0].why, KeyDenial::Why::role);
}

class DenialsTest : public testing::Test {
 protected:
  /// What is told of it, or "".
  std::string note(const std::string& key, const std::string& address, double at_s) {
    const auto told = denials_.note({.key = key, .address = address},
                                    system::Instant() + std::chrono::hours(1) +
                                        std::chrono::milliseconds(std::lround(at_s * 1000)));
    return told ? fmt::format("{} {} {}", told->key, told->address, told->untold) : "";
  }
  Denials denials_;
};

TEST_F(DenialsTest, OneASecondIsToldAndHowManyWereNot) {
  EXPECT_EQ(note("a", "1", 0), "a 1 0");
  EXPECT_EQ(note("b", "1", 0.2), "");
  EXPECT_EQ(note("c", "1", 0.999), "");
  EXPECT_EQ(note("b", "1", 1), "b 1 2");
  EXPECT_EQ(note("c", "1", 2), "c 1 0");
}

TEST_F(DenialsTest, OneAMinuteOfAKeyFromAnAddress) {
  EXPECT_EQ(note("a", "1", 0), "a 1 0");
  for (int second = 1; second < 60; ++second) {
    EXPECT_EQ(note("a", "1", second), "");
  }
  EXPECT_EQ(note("a", "2", 59.5), "a 2 59");
  EXPECT_EQ(note("a", "1", 60), "") << "not in the same second";
  EXPECT_EQ(note("a", "1", 60.5), "a 1 1");
}

TEST(UnreadTest, AFrameCountsUntilItIsLetGoOf) {
  const auto of_all = std::make_shared<std::atomic<std::size_t>>(0);
  const Unread one(of_all);
  const Unread two(of_all);
  {
    const zmq::message_t large = one.frame(std::string(1000, 'x'));
    const zmq::message_t small = one.frame("x");
    const zmq::message_t other = two.frame(std::string(500, 'y'));
    EXPECT_EQ(large.to_string(), std::string(1000, 'x'));
    EXPECT_EQ(small.to_string(), "x");
    EXPECT_EQ(one.bytes(), 1000U);
    EXPECT_EQ(two.bytes(), 500U);
    EXPECT_EQ(one.bytes_of_all(), 1500U);
  }
  EXPECT_EQ(one.bytes(), 0U);
  EXPECT_EQ(two.bytes_of_all(), 0U);
}

TEST(JobSchemaTest, TakesWhatTheReaderTakes) {
  const JobSchema schema;
  for (const char* good :
       {R"({"id":"a","verb":"container.stop","target":"web","options":{"grace_s":3}})",
        R"({"id":"a","verb":"container.update","target":"web","options":{"volumes":{"d":64}}})",
        R"({"id":"a","verb":"container.exec","target":"web","options":{"command":["id"]}})",
        R"({"id":"a","verb":"container.run","target":"web","deadline":5,"spec":{"runtime":"lxc",
            "image":"oci:/a:b","command":["x"],"env":{"A":"1"},"cwd":"/","user":"1:2",
            "volumes":[{"name":"d","target":"/d","size_mib":1,"read_only":true}],
            "networks":[{"interface":"eth0","vlan":7}],
            "resources":{"memory_mib":64,"cpus":0.5,"pids":10,"disk_mib":512},
            "stop":{"signal":"TERM","grace_s":1},"labels":{"a":"b"}}})",
        R"({"id":"a","verb":"container.run","target":"web","spec":{"rootfs":"/r","args":["-v"],
            "mounts":[{"type":"bind","source":"/s","target":"/s","read_only":true},
                      {"type":"tmpfs","target":"/t","size_mib":8,"mode":"700"}],
            "resources":{"swap_mib":32,"cpuset":"0-1,3","cpu_shares":2,"hugetlb_mib":{"2MB":64},
                         "io":{"weight":10,"devices":[{"path":"/dev/sda","read_bps":1,
                               "write_bps":2,"read_iops":3,"write_iops":4}]}},
            "rlimits":{"nofile":{"soft":0,"hard":"unlimited"}},"sysctls":{"net.a":"1"},
            "devices":[{"path":"/dev/a","target":"/dev/b","permissions":"rw"}],
            "capabilities":{"add":["NET_ADMIN"],"drop":["ALL"]},"seccomp":"unconfined",
            "apparmor":"mine","no_new_privileges":false,"user_namespace":"auto",
            "annotations":{"a":"b"},"log":{"driver":"file","max_size_mib":1,"max_files":2},
            "oci":{"process":null}}})",
        R"({"id":"a","verb":"container.run","target":"web","spec":{
            "networks":[{"bridge":"b","ports":[{"host":1,"container":2,"protocol":"udp",
                                                "address":"127.0.0.1"}],
                         "bandwidth":{"ingress_kbit_s":1,"ingress_burst_kbit":1,
                                      "egress_kbit_s":1,"egress_burst_kbit":1},
                         "forwarding":"open"},
                        {"interface":"eth1","kind":"vlan","parent":"eno1","vlan":7}],
            "dns":{"servers":["192.0.2.53"],"search":["a"],"options":["ndots:2"]},
            "hosts":[{"address":"192.0.2.7","names":["db"]}]}})"}) {
    const auto checked = schema.check(good);
    EXPECT_TRUE(checked) << good << checked.error().message;
    EXPECT_TRUE(read_job(json::parse(good).value())) << good;
  }
}

TEST(JobSchemaTest, RefusesWithThePointerOfEveryFault) {
  const JobSchema schema;
  const auto checked = schema.check(
      R"({"id":"a","verb":"container.run","target":"web","spec":{"env":5,"comand":[]}})");
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, Code::invalid);
  std::vector<std::string> pointers;
  for (const Fault& fault : checked.error().faults) {
    pointers.push_back(fault.pointer);
  }
  EXPECT_THAT(pointers, testing::UnorderedElementsAre("/spec/env", "/spec/comand"));
  for (const char* bad : {"", "[]", "{}", R"({"id":"a","verb":"fly","target":"web"})",
                          R"({"id":7,"verb":"container.stop","target":"web"})",
                          R"({"id":"a","verb":"container.stop","target":"web","more":1})",
                          R"({"id":"a","verb":"container.run","target":"web",
                              "spec":{"rlimits":{"nofile":{"soft":"none","hard":1}}}})",
                          R"({"id":"a","verb":"container.run","target":"web","spec":{"oci":[]}})",
                          R"({"id":"a","verb":"container.run","target":"web",
                              "spec":{"mounts":[{"type":"volume","target":"/a"}]}})"}) {
    EXPECT_EQ(schema.check(bad).error().code, Code::invalid) << bad;
  }
  EXPECT_EQ(schema.check(std::string(10'000, '[')).error().code, Code::invalid);
}

}  // namespace
}  // namespace drover::messaging
