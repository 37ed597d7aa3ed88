// What runc, crun and conmon say, as it was recorded of runc 1.1.5, crun 1.8.1 and conmon 2.1.6.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtimes/oci/live_state.h"
#include "runtimes/oci/monitor.h"

namespace drover::runtimes {
namespace {

using testing::HasSubstr;

TEST(LiveStateTest, OfRunc) {
  const auto state = parse_live_state(R"({
    "ociVersion": "1.0.2-dev", "id": "web", "pid": 23969, "status": "created",
    "bundle": "/b", "rootfs": "/b/rootfs", "created": "2026-11-24T04:18:44.695455364Z",
    "annotations": {"org.drover.job": "job-1", "org.drover.name": "web"}, "owner": ""
  })");
  ASSERT_TRUE(state);
  EXPECT_EQ(state->status, Status::created);
  EXPECT_EQ(state->pid, 23969);
  EXPECT_EQ(state->job, "job-1");
}

TEST(LiveStateTest, OfCrun) {
  const auto state = parse_live_state(R"({
    "ociVersion": "1.0.0", "id": "web", "pid": 24033, "status": "stopped", "bundle": "/b",
    "rootfs": "rootfs", "created": "2026-11-24T04:18:45.774285Z", "systemd-scope": "", "owner": "root"
  })");
  ASSERT_TRUE(state);
  EXPECT_EQ(state->status, Status::stopped);
  EXPECT_EQ(state->pid, 0) << "a stopped one has no process, whatever number it had";
}

TEST(LiveStateTest, WhatMakesNoSenseIsAnError) {
  for (const std::string_view text :
       {"", "null", "[]", "{}", R"({"status": "asleep", "pid": 1})", R"({"status": 1})",
        R"({"status": "running", "pid": -1})", R"({"status": "running", "pid": 99999999999})",
        R"({"status": "gone", "pid": 1})"}) {
    EXPECT_FALSE(parse_live_state(text)) << text;
  }
}

TEST(LastErrorTest, OfLogRecordsAndOfLines) {
  EXPECT_EQ(last_error("{\"level\":\"error\",\"msg\":\"first\"}\n"
                       "{\"level\":\"error\",\"msg\":\"container does not exist\",\"time\":\"x\"}\n"
                       "{\"level\":\"warning\",\"msg\":\"other\"}\n"),
            "container does not exist");
  EXPECT_EQ(last_error("something\n  chdir `/x` failed \n\n"), "chdir `/x` failed");
  EXPECT_EQ(last_error("{\"level\":\"warning\",\"msg\":\"only\"}"),
            "{\"level\":\"warning\",\"msg\":\"only\"}");
  EXPECT_EQ(last_error(""), "");
  EXPECT_EQ(last_error("\n\n"), "");
  EXPECT_EQ(last_error_record("no record\n"), "");
}

TEST(MonitorAnswerTest, ANumberIsSuccess) {
  EXPECT_TRUE(read_monitor_answer("{\"data\": 23969}\n", ""));
}

TEST(MonitorAnswerTest, AFailureCarriesTheRuntimesWords) {
  const auto failed = read_monitor_answer(
      R"({"data": -1, "message": "time=\"x\" level=warning\nrunc create failed: no such file\n"})",
      "");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message, "runc create failed: no such file");
  const auto logged =
      read_monitor_answer("{\"data\": -1}\n", "{\"level\":\"error\",\"msg\":\"from the log\"}\n");
  ASSERT_FALSE(logged);
  EXPECT_EQ(logged.error().message, "from the log");
}

TEST(MonitorAnswerTest, NoAnswerIsAFailure) {
  EXPECT_EQ(read_monitor_answer("", "").error().message, "conmon ended without a word");
  EXPECT_THAT(read_monitor_answer("[conmon:e]: Runtime path is not valid\n", "").error().message,
              HasSubstr("Runtime path"));
  EXPECT_FALSE(read_monitor_answer("{\"data\": 0}", ""));
}

}  // namespace
}  // namespace drover::runtimes
