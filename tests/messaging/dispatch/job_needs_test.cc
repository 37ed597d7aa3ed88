#include "messaging/dispatch/job_needs.h"

#include <gtest/gtest.h>

#include "some_nodes.h"

namespace drover::dispatch {
namespace {

std::string faults_of(std::string_view text) {
  const Result<JobNeeds> needs = read_job_needs(json::parse(text).value());
  EXPECT_FALSE(needs) << text;
  std::string faults;
  if (!needs) {
    EXPECT_EQ(needs.error().code, Code::invalid);
    for (const Fault& fault : needs.error().faults) {
      faults += fault.pointer + ": " + fault.message + "\n";
    }
  }
  return faults;
}

TEST(JobNeeds, AreWhatTheirJsonSays) {
  const JobNeeds needs = needs_of(
      R"({"cpus":1.5,"memory_mib":512,"disk_mib":1024,"runtime":"pve-lxc","storages":["tank"],
          "bridges":["vmbr0","vmbr1"],"labels":"role=web","strategy":"affinity",
          "prefer":[{"labels":"has ssd","weight":-20},{"labels":"zone=a"}],
          "near":{"labels":"app=db"},"apart":{"labels":"app=web","must":true}})");
  EXPECT_EQ(needs.capacity, (Capacity{1500, 512, 1024}));
  EXPECT_EQ(needs.runtime, RuntimeKind::pve_lxc);
  EXPECT_EQ(needs.strategy, Strategy::affinity);
  EXPECT_EQ(needs.prefer.at(0).weight, -20);
  EXPECT_EQ(needs.prefer.at(1).weight, 50);
  EXPECT_FALSE(needs.near->must);
  EXPECT_TRUE(needs.apart->must);
  EXPECT_EQ(read_job_needs(to_json(needs)).value(), needs);
}

TEST(JobNeeds, WithoutAnyTheHashDecidesAndWithPreferencesThey) {
  EXPECT_EQ(needs_of("{}"), JobNeeds{});
  EXPECT_EQ(needs_of("{}").strategy, Strategy::hash);
  EXPECT_EQ(needs_of(R"({"prefer":[{"labels":"has ssd"}]})").strategy, Strategy::affinity);
  EXPECT_EQ(needs_of(R"({"apart":{"labels":"app=web","must":true}})").strategy, Strategy::hash);
  const JobNeeds spread =
      needs_of(R"({"apart":{"labels":"app=web","must":true},"strategy":"spread"})");
  EXPECT_EQ(read_job_needs(to_json(spread)).value(), spread);
}

TEST(JobNeeds, EveryFaultIsToldAtItsPlace) {
  EXPECT_EQ(faults_of(R"({"cpus":"2","memory_mib":-1,"runtime":"docker","storages":[""],
                          "labels":"a=","near":{"must":true},"moon":1})"),
            "/needs/cpus: must be a number, not string\n"
            "/needs/memory_mib: must be 0 to 67108864, not -1\n"
            "/needs/runtime: must be one of runc, crun, lxc, pve-lxc\n"
            "/needs/storages: must be names of 1 to 64 bytes\n"
            "/needs/labels: label expression: position 3: here must stand a value, not the end\n"
            "/needs/near/labels: is missing\n"
            "/needs/moon: unknown field; known are cpus, memory_mib, disk_mib, runtime, storages, "
            "bridges, labels, prefer, near, apart, strategy\n");
  EXPECT_EQ(faults_of("[]"), "/needs: must be an object, not array\n");
  EXPECT_EQ(faults_of(R"({"runtime":""})"),
            "/needs/runtime: must be one of runc, crun, lxc, pve-lxc\n");
}

TEST(JobNeeds, APreferenceThatNobodyLooksAtIsAFault) {
  EXPECT_EQ(faults_of(R"({"strategy":"binpack","prefer":[{"labels":"has ssd"}]})"),
            "/needs/strategy: must be affinity, and not binpack, where there are prefer, near or "
            "apart without \"must\"\n");
}

}  // namespace
}  // namespace drover::dispatch
