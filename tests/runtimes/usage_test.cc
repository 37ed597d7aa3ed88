// What containers use, from the kernel's files of both versions of control groups. The files are
// plain ones here, with the kernel's own examples in them (Documentation/admin-guide/cgroup-v2.rst,
// cgroup-v1/memory.rst, blkio-controller.rst); those of this machine are the conformance tests'.
#include "runtimes/usage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "agent/system/stop.h"
#include "fakes/temp_folder.h"
#include "runtimes/kernel_counters.h"
#include "runtimes/read_usage.h"

namespace drover::runtimes {
namespace {

class UsageTest : public testing::Test {
 protected:
  void has(const std::string& file, const std::string& text) {
    std::ofstream(folder_ / file) << text;
  }
  json::Value told() {
    const system::Path group = folder_.path();
    return json::Value(to_json(usage_of_groups({group, group, group, group, group})));
  }

  fakes::TempFolder folder_;
};

TEST_F(UsageTest, OfTheSecondVersion) {
  has("cpu.stat",
      "usage_usec 2500\nuser_usec 2000\nsystem_usec 500\nnr_periods 7\nnr_throttled 3\n"
      "throttled_usec 40\nnr_bursts 0\nburst_usec 0\n");
  has("cpu.max", "50000 100000\n");
  has("memory.current", "1048576\n");
  has("memory.stat", "anon 4096\nfile 8192\nactive_file 1\ninactive_file 48576\n");
  has("memory.max", "max\n");
  has("memory.peak", "2097152\n");
  has("memory.events", "low 0\nhigh 0\nmax 9\noom 2\noom_kill 1\noom_group_kill 0\n");
  has("memory.swap.current", "0\n");
  has("memory.swap.max", "4096\n");
  has("pids.current", "12\n");
  has("pids.max", "max\n");
  has("io.stat",
      "8:16 rbytes=1459200 wbytes=314773504 rios=192 wios=353 dbytes=0 dios=0\n"
      "8:0 rbytes=90430464 wbytes=299008000 rios=8950 wios=1252 dbytes=50331648 dios=3021\n");
  EXPECT_EQ(json::write(told()),
            R"({"cpu":{"usage_ns":2500000,"user_ns":2000000,"system_ns":500000,"periods":7,)"
            R"("throttled_periods":3,"throttled_ns":40000,"limit_cores":0.5},)"
            R"("memory":{"usage_bytes":1048576,"working_set_bytes":1000000,"peak_bytes":2097152,)"
            R"("oom_kills":1},"swap":{"usage_bytes":0,"limit_bytes":4096},"pids":{"current":12},)"
            R"("io":{"read_bytes":91889664,"write_bytes":613781504,"reads":9142,"writes":1605}})");
}

TEST_F(UsageTest, OfTheFirstVersion) {
  has("cpu.stat", "nr_periods 7\nnr_throttled 3\nthrottled_time 40000\n");
  has("cpu.cfs_quota_us", "-1\n");
  has("cpu.cfs_period_us", "100000\n");
  has("cpuacct.usage", "2500000\n");
  has("memory.usage_in_bytes", "1048576\n");
  has("memory.stat",
      "inactive_file 0\nswap 0\ntotal_rss 4096\ntotal_swap 8192\ntotal_inactive_file 48576\n");
  has("memory.limit_in_bytes", "67108864\n");
  has("memory.memsw.limit_in_bytes", "69206016\n");
  has("memory.max_usage_in_bytes", "2097152\n");
  has("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n");
  has("pids.current", "12\n");
  has("pids.max", "20\n");
  has("blkio.throttle.io_service_bytes_recursive",
      "8:0 Read 512\n8:0 Write 1024\n8:0 Sync 0\n8:0 Async 1536\n8:0 Total 1536\n"
      "8:16 Read 8\n8:16 Write 8\nTotal 1552\n");
  has("blkio.throttle.io_serviced_recursive", "8:0 Read 1\n8:0 Write 2\n8:0 Total 3\nTotal 3\n");
  EXPECT_EQ(json::write(told()),
            R"({"cpu":{"usage_ns":2500000,"periods":7,"throttled_periods":3,"throttled_ns":40000},)"
            R"("memory":{"usage_bytes":1048576,"working_set_bytes":1000000,"limit_bytes":67108864,)"
            R"("peak_bytes":2097152,"oom_kills":1},"swap":{"usage_bytes":8192,)"
            R"("limit_bytes":2097152},"pids":{"current":12,"limit":20},)"
            R"("io":{"read_bytes":520,"write_bytes":1032,"reads":1,"writes":2}})");
  has("cpu.cfs_quota_us", "150000\n");
  has("memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(told().at("cpu").at("limit_cores").number(), 1.5);
  EXPECT_EQ(told().at("memory").find("limit_bytes"), nullptr)
      << "which is the kernel's word for none";
}

TEST_F(UsageTest, WhatTheKernelDoesNotTellIsAbsentAndNotZero) {
  EXPECT_EQ(json::write(told()), R"({"cpu":{},"memory":{},"swap":{},"pids":{},"io":{}})");
  EXPECT_EQ(json::write(json::Value(to_json(usage_of_groups({})))), json::write(told()));
  has("memory.current", "many\n");
  has("pids.current", "18446744073709551616\n");
  EXPECT_EQ(json::write(told()), R"({"cpu":{},"memory":{},"swap":{},"pids":{},"io":{}})");
}

TEST_F(UsageTest, CountersOfInterfaces) {
  const std::string heading =
      "Inter-|   Receive                                                |  Transmit\n"
      " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs "
      "drop fifo colls carrier compressed\n";
  const std::string counts = "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n";
  const std::vector<InterfaceUsage> all =
      interfaces_of(heading + "    lo: " + counts + "  eth0:" + counts + "  eth1: 1 2 3\n" +
                    "  \x1b[2J: " + counts + "  caf\xc3: " + counts);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all.front().interface, "eth0");
  EXPECT_EQ(all.front().rx_bytes, 1U);
  EXPECT_EQ(all.front().rx_dropped, 4U);
  EXPECT_EQ(all.front().tx_bytes, 9U);
  EXPECT_EQ(all.front().tx_dropped, 12U);
  std::string many;
  for (int i = 0; i < 1000; ++i) {
    many += "d" + std::to_string(i) + ": " + counts;
  }
  EXPECT_EQ(interfaces_of(many).size(), 64U) << "whoever is root inside makes as many as it likes";
}

TEST_F(UsageTest, OfAProcessThatHasEndedNothingIsTold) {
  const pid_t child = fork();
  if (child == 0) {
    _exit(0);
  }
  const system::UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, child, 0)));
  system::await_readable(process.get(), system::Stop());
  EXPECT_EQ(usage_of(process).error().code, Code::not_found);
  waitpid(child, nullptr, 0);
  EXPECT_EQ(usage_of(process).error().code, Code::not_found);
}

TEST_F(UsageTest, TheNodesOwnNetworkIsNotTakenForTheContainers) {
  const system::UniqueFd self(static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0)));
  const auto usage = usage_of(self);
  ASSERT_TRUE(usage) << to_text(usage.error());
  EXPECT_FALSE(usage->networks);
}

}  // namespace
}  // namespace drover::runtimes
