// What is told of a step that takes long.
#include <gmock/gmock.h>

#include <atomic>

#include "proxmox/task_watch.h"
#include "supervisor_fixture.h"

namespace drover::jobs {
namespace {

using proxmox::TaskWatch;
using testing::ElementsAre;

class ProgressTest : public SupervisorFixture {
 protected:
  /// A step that goes on when the test has seen how far it was, and then does the rest.
  Run step_with(std::function<Result<json::Value>()> rest) {
    return [this, rest = std::move(rest)](Work& work) {
      work.plan(2);
      return work.once({"backup.make", "local", [this, rest]() -> Result<json::Value> {
                          TaskWatch::current()->tell({"vzdump", 12, "INFO:  12%"});
                          TaskWatch::current()->tell({"vzdump", std::nullopt, "INFO: last"});
                          pollfd waiting{seen_.fd(), POLLIN, 0};
                          poll(&waiting, 1, -1);
                          return rest();
                        }});
    };
  }
  void until_told_last() {
    submit(request("j1", "web-1"));
    until_told_so_often(2);
  }
  void until_told_so_often(std::size_t times) {
    books_->commit();
    while (progress().size() < times) {
      loop_.turn(std::chrono::seconds(60));
    }
  }
  std::vector<std::string> progress() const {
    std::vector<std::string> all;
    for (const Event& event : published_) {
      if (event.what == "progress") {
        all.push_back(json::write(event.data));
      }
    }
    return all;
  }

  system::Stop seen_;
};

TEST_F(ProgressTest, HowFarAStepIsIsToldAndKnownUntilItEnds) {
  supervise(1, step_with([] { return Result<json::Value>(json::Value("made")); }));
  until_told_last();
  EXPECT_THAT(
      progress(),
      ElementsAre(R"({"number":1,"of":2,"name":"backup.make","subject":"local","target":"web-1",)"
                  R"("task":"vzdump","line":"INFO:  12%","percent":12})",
                  R"({"number":1,"of":2,"name":"backup.make","subject":"local","target":"web-1",)"
                  R"("task":"vzdump","line":"INFO: last"})"));
  EXPECT_EQ(json::write(supervisor_->progress_of("j1").value()),
            R"({"task":"vzdump","line":"INFO: last"})");
  seen_.request();
  until("j1", "step_done");
  EXPECT_FALSE(supervisor_->progress_of("j1"));
  until("j1", "succeeded");
}

TEST_F(ProgressTest, OfAStepThatFailedNothingIsKept) {
  std::vector<bool> known;
  supervise(1, step_with([] { return Result<json::Value>(fail(Code::broken, "job errors")); }),
            [&](Work& work, const Error&) {
              return work.write([&](Books&) -> Result<> {
                known.push_back(supervisor_->progress_of("j1").has_value());
                return {};
              });
            });
  until_told_last();
  seen_.request();
  until("j1", "failed");
  EXPECT_THAT(known, ElementsAre(false));
}

TEST_F(ProgressTest, WhatAnEarlierRunHasLeftGoingIsToldOfAsOfItsStep) {
  std::atomic<int> runs = 0;
  supervise(1, [&](Work& work) -> Result<json::Value> {
    if (++runs == 1) {
      return work.once({"runtime.create", "", [] {
                          return Result<json::Value>(fail(Code::unavailable, "it was lost"));
                        }});
    }
    TRY(work.await_begun([]() -> Result<> {
      TaskWatch::current()->tell({"vzrestore", 40, "40%"});
      return {};
    }));
    return json::Value();
  });
  submit(request("j1", "web-1"));
  until("j1", "retrying");
  while (!supervisor_->waits_for("j1")) {
    loop_.turn(std::chrono::seconds(60));
  }
  clock_.advance(std::chrono::minutes(2));
  until("j1", "succeeded");
  EXPECT_THAT(progress(), ElementsAre(testing::HasSubstr(R"("name":"runtime.create")")));
}

TEST_F(ProgressTest, OfAStepThatWaitsForNoTaskNothingIsTold) {
  supervise(1, [](Work& work) {
    return work.once({"volume.mount", "data", [] { return Result<json::Value>(json::Value()); }});
  });
  submit(request("j1", "web-1"));
  until("j1", "succeeded");
  EXPECT_THAT(progress(), testing::IsEmpty());
  EXPECT_EQ(TaskWatch::current(), nullptr);
}

}  // namespace
}  // namespace drover::jobs
