// What is read of the log of a task, and how often.
#include <gmock/gmock.h>

#include <algorithm>
#include <functional>

#include "fakes/fake_clock.h"
#include "proxmox/task.h"
#include "proxmox/task_watch.h"

namespace drover::proxmox {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

TEST(PercentIn, TheLastPercentageOfALine) {
  EXPECT_EQ(percent_in("INFO:  12% (1.2 GiB of 10.0 GiB) in 3s, read: 400 MiB/s"), 12);
  EXPECT_EQ(percent_in("transferred 1.0 GiB of 4.0 GiB (25.99%)"), 25);
  EXPECT_EQ(percent_in("  50K .......... .......... 0% 7.1M 12s, then 99%"), 99);
  EXPECT_EQ(percent_in("progress 100% (read 1 byte, zeroes = 100% (1 byte))"), 100);
  EXPECT_EQ(percent_in("7%"), 7);
}

TEST(PercentIn, WhatOnlyLooksLikeOne) {
  for (const char* line : {"", "%", "12", "x50%", "-5%", "101%", "99999999999999999999%", ".%",
                           "https://host/a%20b", "https://host/50%20b", "..5%", "a_7%", "%5%"}) {
    EXPECT_EQ(percent_in(line), std::nullopt) << line;
  }
}

TEST(BackupMode, IsWhatTheLineOfABackupTells) {
  EXPECT_EQ(backup_mode_in("INFO: backup mode: suspend"), "suspend");
  EXPECT_EQ(backup_mode_in("INFO: backup mode: snapshot"), "snapshot");
  EXPECT_EQ(backup_mode_in("INFO: backup mode: stop"), "stop");
  for (const char* line :
       {"", "INFO: backup mode: ", "INFO: backup mode: other", "INFO: suspend",
        "INFO: CT Name: INFO: backup mode: suspend", "INFO: trying 'suspend' mode instead"}) {
    EXPECT_EQ(backup_mode_in(line), "") << line;
  }
}

/// One task of another node, whose log grows and which ends when the test's clock says so.
class LoggingNode : public Client {
  const fakes::FakeClock& clock_;

 public:
  explicit LoggingNode(const fakes::FakeClock& clock) : clock_(clock) {}

  Result<json::Value> get(const std::string& path, const Form& query, const Stop& stop) override {
    json::Object answer = TRY(get_whole(path, query, stop));
    return std::move(*answer.find("data"));
  }
  Result<json::Object> get_whole(const std::string& path, const Form& query, const Stop&) override {
    if (path.ends_with("/status")) {
      const bool ended = clock_.now() >= end;
      return json::Object{
          {"data", json::Object{{"status", ended ? "stopped" : "running"}, {"exitstatus", "OK"}}}};
    }
    ++log_requests;
    if (log_fails) {
      return fail(Code::unavailable, "GET {}: 595", path);
    }
    const std::size_t count = written(clock_.now() - begin);
    const auto first = static_cast<std::size_t>(std::stoul(query.at(0).second));
    const auto most = static_cast<std::size_t>(std::stoul(query.at(1).second));
    json::Array shown;
    for (std::size_t i = first; i < count && i < first + most; ++i) {
      shown.emplace_back(json::Object{{"n", i + 1}, {"t", line(i)}});
    }
    longest_answer = std::max(longest_answer, shown.size());
    return json::Object{{"data", std::move(shown)}, {"total", count}};
  }
  Result<json::Value> post(const std::string&, const Form&, const Stop&) override { return none(); }
  Result<json::Value> put(const std::string&, const Form&, const Stop&) override { return none(); }
  Result<json::Value> del(const std::string&, const Form&, const Stop&) override { return none(); }
  Result<json::Value> upload(const std::string&, const Form&, const FilePart&,
                             const Stop&) override {
    return none();
  }
  const std::string& node() const override { return name_; }
  const std::string& user() const override { return name_; }

  /// How many lines the log has so long after the begin.
  std::function<std::size_t(system::Duration)> written = [](system::Duration) { return 0U; };
  std::function<std::string(std::size_t)> line = [](std::size_t i) {
    return "line " + std::to_string(i);
  };
  const system::Instant begin = clock_.now();
  system::Instant end = begin;
  bool log_fails = false;
  int log_requests = 0;
  std::size_t longest_answer = 0;

 private:
  static Result<json::Value> none() { return fail(Code::broken, "nobody asks for this"); }
  std::string name_ = "pve1";
};

class TaskWatchTest : public testing::Test {
 protected:
  struct Told {
    seconds after;
    TaskProgress progress;
  };

  void run(system::Duration time) {
    node_.end = node_.begin + time;
    const TaskWatch watch([this](const TaskProgress& progress) {
      told_.push_back({std::chrono::duration_cast<seconds>(clock_.now() - node_.begin), progress});
    });
    await();
  }
  void await() {
    const Upid upid{"pve2", 1, 1, 1, "vzdump", "100", "root@pam"};
    const auto ended = Tasks(node_, clock_).wait(upid, std::chrono::hours(72), stop_);
    EXPECT_TRUE(ended) << ended.error().message;
  }
  std::vector<std::string> lines() const {
    std::vector<std::string> all;
    for (const Told& told : told_) {
      all.push_back(told.progress.line);
    }
    return all;
  }
  /// One line at once, and one more each time that has passed.
  void write_each(system::Duration time) {
    node_.written = [time](system::Duration passed) {
      return static_cast<std::size_t>(passed / time) + 1;
    };
  }

  fakes::FakeClock clock_;
  LoggingNode node_{clock_};
  std::vector<Told> told_;
  const Stop stop_;
};

TEST_F(TaskWatchTest, ATaskThatEndsSoonIsNotLookedAt) {
  run(seconds(4));
  EXPECT_EQ(node_.log_requests, 0);
}

TEST_F(TaskWatchTest, OneThatNobodyWatchesIsNotLookedAt) {
  node_.end = node_.begin + std::chrono::hours(1);
  await();
  EXPECT_EQ(node_.log_requests, 0);
}

TEST_F(TaskWatchTest, ItsLastLineIsToldWithThePercentageThatTheLogTells) {
  const std::vector<std::string> log = {"INFO: starting new backup job",
                                        "INFO:  12% (1 of 8 GiB)",
                                        "INFO: and on\r\x1b[2J",
                                        "INFO: archive file size: 1GB",
                                        "TASK OK",
                                        ""};
  node_.line = [&](std::size_t i) { return log.at(i); };
  node_.written = [](system::Duration passed) { return passed > seconds(10) ? 6U : 3U; };
  run(seconds(20));
  ASSERT_THAT(told_, SizeIs(2));
  EXPECT_EQ(told_[0].progress, (TaskProgress{"vzdump", 12, "INFO: and on  [2J"}));
  EXPECT_EQ(told_[1].progress,
            (TaskProgress{"vzdump", std::nullopt, "INFO: archive file size: 1GB"}));
}

TEST_F(TaskWatchTest, WhatABackupReallyDoesIsToldFromThenOn) {
  const std::vector<std::string> log = {
      "INFO: Starting Backup of VM 100 (lxc)", "INFO: trying 'suspend' mode instead",
      "INFO: backup mode: suspend", "INFO: suspending guest", "INFO: resuming guest"};
  node_.line = [&](std::size_t i) { return log.at(i); };
  node_.written = [](system::Duration passed) {
    return passed > seconds(14) ? 5U : passed > seconds(9) ? 4U : 2U;
  };
  run(seconds(20));
  ASSERT_THAT(told_, SizeIs(3));
  EXPECT_EQ(told_[0].progress.mode, "");
  EXPECT_EQ(told_[1].progress, (TaskProgress{"vzdump", {}, "INFO: suspending guest", "suspend"}));
  EXPECT_EQ(told_[2].progress, (TaskProgress{"vzdump", {}, "INFO: resuming guest", "suspend"}));
}

TEST_F(TaskWatchTest, ItIsToldEveryFiveSecondsAtMostAndOnlyWhatIsNew) {
  write_each(seconds(20));
  run(seconds(60));
  EXPECT_THAT(lines(), ElementsAre("line 0", "line 1", "line 2"));
  EXPECT_LE(node_.log_requests, 12);
  write_each(milliseconds(10));
  told_.clear();
  run(seconds(120));
  for (std::size_t i = 1; i < told_.size(); ++i) {
    EXPECT_GE(told_[i].after - told_[i - 1].after, seconds(5));
  }
  EXPECT_LE(told_.size(), 24U);
  EXPECT_LE(node_.longest_answer, 50U);
}

TEST_F(TaskWatchTest, OfOneThatTakesDaysThereAreFewerThanFiveHundred) {
  write_each(seconds(1));
  run(std::chrono::hours(48));
  EXPECT_GT(told_.size(), 100U);
  EXPECT_LT(told_.size(), 500U);
  EXPECT_LE(static_cast<std::size_t>(node_.log_requests), 2 * told_.size());
}

TEST_F(TaskWatchTest, OfMuchThatIsNewTheEndIsRead) {
  write_each(milliseconds(1));
  run(seconds(8));
  ASSERT_THAT(told_, SizeIs(1));
  EXPECT_EQ(node_.log_requests, 2);
  EXPECT_EQ(told_[0].progress.line,
            "line " + std::to_string(std::stoi(told_[0].progress.line.substr(5))));
  EXPECT_GE(std::stoi(told_[0].progress.line.substr(5)), 5000);
}

TEST_F(TaskWatchTest, ALogThatCannotBeReadHarmsNothing) {
  node_.log_fails = true;
  run(seconds(60));
  EXPECT_THAT(told_, IsEmpty());
  EXPECT_GT(node_.log_requests, 3);
}

TEST_F(TaskWatchTest, OfSeveralOfAThreadTheInnermostIsTold) {
  std::vector<std::string> heard;
  const TaskWatch outer([&](const TaskProgress&) { heard.push_back("outer"); });
  {
    const TaskWatch inner([&](const TaskProgress&) { heard.push_back("inner"); });
    TaskWatch::current()->tell({});
  }
  TaskWatch::current()->tell({});
  EXPECT_THAT(heard, ElementsAre("inner", "outer"));
}

}  // namespace
}  // namespace drover::proxmox
