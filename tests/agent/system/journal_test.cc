#include "agent/system/journal.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "fakes/journal_socket.h"

namespace drover::system {
namespace {

TEST(JournalTest, OneThatReadsNothingIsWaitedForOnceAndTakesEntriesAgainWhenItReads) {
  fakes::JournalSocket journal;
  JournalSender sender;
  std::vector<std::string> entry = {"MESSAGE=a=b\nc", "PRIORITY=6"};
  int taken = 0;
  while (sender.send(entry)) {
    ASSERT_LT(++taken, 1'000'000);
  }
  ASSERT_GT(taken, 0);
  const auto begun = std::chrono::steady_clock::now();
  for (int lost = 0; lost < 100; ++lost) {
    EXPECT_EQ(sender.send(entry).error().code, Code::unavailable);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(20));
  const fakes::JournalSocket::Entry first = journal.next();
  EXPECT_EQ(first.at("MESSAGE"), "a=b\nc");
  EXPECT_EQ(first.at("PRIORITY"), "6");
  for (int read = 1; read < taken; ++read) {
    journal.next();
  }
  entry.front() = "MESSAGE=again";
  EXPECT_TRUE(sender.send(entry));
  EXPECT_EQ(journal.next().at("MESSAGE"), "again");
}

}  // namespace
}  // namespace drover::system
