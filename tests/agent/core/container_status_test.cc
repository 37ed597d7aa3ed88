#include "agent/core/container_status.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace drover {
namespace {

using enum Status;

constexpr std::array<Status, kStatusCount> kAll = {creating, created,  running, paused,  stopping,
                                                   stopped,  deleting, gone,    backoff, unknown};

/// What a container may go on to, besides `unknown`, which every one but a gone one may.
const std::map<Status, std::set<Status>>& table() {
  static const std::map<Status, std::set<Status>> legal = {
      {creating, {created, running, stopped, deleting, gone}},
      {created, {running, stopped, deleting, gone}},
      {running, {paused, stopping, stopped, deleting, gone}},
      {paused, {running, stopping, stopped, deleting, gone}},
      {stopping, {running, stopped, deleting, gone}},
      {stopped, {running, backoff, deleting, gone}},
      {backoff, {running, stopped, deleting, gone}},
      {deleting, {stopped, gone}},
      {gone, {}},
      {unknown, {creating, created, running, paused, stopping, stopped, deleting, gone, backoff}},
  };
  return legal;
}

TEST(ContainerStatusTest, EveryPairIsLegalOrNotAsTheTableSays) {
  for (const Status from : kAll) {
    for (const Status to : kAll) {
      const bool expected =
          table().at(from).contains(to) || (to == unknown && from != unknown && from != gone);
      EXPECT_EQ(is_legal(from, to), expected) << to_string(from) << " to " << to_string(to);
    }
  }
}

TEST(ContainerStatusTest, NothingLeavesGone) {
  for (const Status to : kAll) {
    EXPECT_FALSE(is_legal(gone, to));
  }
}

TEST(ContainerStatusTest, NamesReadBack) {
  std::set<std::string_view> names;
  for (const Status status : kAll) {
    EXPECT_EQ(status_from(to_string(status)), status);
    names.insert(to_string(status));
  }
  EXPECT_EQ(names.size(), kStatusCount);
  EXPECT_EQ(status_from("Running"), std::nullopt);
  EXPECT_EQ(status_from(""), std::nullopt);
}

TEST(ExitTest, ReadsWhatItWrote) {
  for (const Exit& exit : {Exit{}, Exit{0, false, 0}, Exit{7, false, 5},
                           Exit{137, true, 1'700'000'000'000}, Exit{{}, false, 0, "reboot"}}) {
    EXPECT_EQ(exit_from_json(json::parse(json::write(to_json(exit))).value()), exit);
  }
}

TEST(ExitTest, AnUnknownCodeIsNullAndNeverZero) {
  EXPECT_EQ(json::write(to_json(Exit{})), R"({"code":null})");
  EXPECT_EQ(exit_from_json(json::Value()).code, std::nullopt);
  EXPECT_EQ(exit_from_json(json::Object{{"code", "0"}}).code, std::nullopt);
}

TEST(ExitTest, TellsAPerson) {
  EXPECT_EQ(to_text(Exit{7, false, 0}), "exited with 7");
  EXPECT_EQ(to_text(Exit{0, false, 0}), "exited with 0");
  EXPECT_EQ(to_text(Exit{128, false, 0}), "exited with 128");
  EXPECT_EQ(to_text(Exit{137, false, 0}), "killed by signal 9");
  EXPECT_EQ(to_text(Exit{192, false, 0}), "killed by signal 64");
  EXPECT_EQ(to_text(Exit{193, false, 0}), "exited with 193");
  EXPECT_EQ(to_text(Exit{137, true, 0}), "out of memory");
  EXPECT_EQ(to_text(Exit{}), "ended, exit code unknown");
  EXPECT_EQ(to_text(Exit{{}, false, 0, "reboot"}), "unknown: reboot");
}

}  // namespace
}  // namespace drover
