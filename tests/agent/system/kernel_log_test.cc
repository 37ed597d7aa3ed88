#include "agent/system/kernel_log.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace drover::system {
namespace {

TEST(KernelLog, WhatTheKernelHasEndedForWantOfMemoryIsFound) {
  const EndedForMemory of_a_group{27907, 59630400145};
  EXPECT_EQ(
      ended_for_memory_in("3,263061,59630400145,-;Memory cgroup out of memory: Killed process "
                          "27907 (dd) total-vm:207776kB, anon-rss:16256kB, UID:0\n"),
      of_a_group);
  const EndedForMemory of_the_machine{12, 7};
  EXPECT_EQ(ended_for_memory_in("3,1,7,-,caller=T1;Out of memory: Killed process 12 (a) b"),
            of_the_machine);
}

TEST(KernelLog, NothingElseIsTakenForIt) {
  for (const char* const record : {
           "",
           "3",
           "3,1,7,-",
           "3,1,7,-;",
           "x,1,7,-;Out of memory: Killed process 12 (a)",
           "3,1,7,-;Out of memory: Killed process",
           "3,1,7,-;Out of memory: Killed process -4 (a)",
           "3,1,7,-;Out of memory: Killed process 99999999999 (a)",
           "6,1,7,-;oom-kill:constraint=CONSTRAINT_MEMCG,task=dd,pid=27907,uid=0",
           "6,1,7,-;a (Killed process 12 (a))",
           // A program's own words: facility 1.
           "12,1,7,-;Out of memory: Killed process 12 (a)",
       }) {
    EXPECT_FALSE(ended_for_memory_in(record)) << record;
  }
}

TEST(KernelLog, OfAProcessThatLivesItTellsNothing) {
  EXPECT_FALSE(was_ended_for_memory({getpid(), start_time_of(getpid()).value()}));
}

}  // namespace
}  // namespace drover::system
