// More jobs than a node can take: what it holds has a bound, however many are tried.
#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>

#include "node_fixture.h"

namespace drover::jobs {
namespace {

/// A sanitizer's program is some ten times slower, and keeps what was freed for a while: a tenth of
/// the submissions there shows as much.
#ifdef DROVER_SANITIZED
constexpr int kSubmissions = 100'000;
constexpr double kMostGrowthMib = 512;
#else
constexpr int kSubmissions = 1'000'000;
constexpr double kMostGrowthMib = 32;
#endif

double resident_mib() {
  std::ifstream statm("/proc/self/statm");
  double size = 0;
  double resident = 0;
  statm >> size >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

class BackPressure : public NodeFixture {
 protected:
  /// From here on both workers have a job that does not end.
  void block_workers() {
    for (const char* name : {"block-1", "block-2"}) {
      runtime_.hold_next("create", fakes::FakeRuntime::Hold::before_deed);
      const int held = runtime_.held();
      submit(run_job(name, name));
      while (runtime_.held() == held) {
        loop_->turn(std::chrono::milliseconds(1));
      }
    }
  }
  std::string stop_job(int number) {
    return R"({"id":"job-)" + std::to_string(number) +
           R"(","verb":"container.stop","target":"web-1"})";
  }
};

TEST_F(BackPressure, AMillionSubmissionsToAFullQueueAreToldToComeAgainAndNothingGrows) {
  constexpr int kQueue = 1000;
  end_agent();
  start_agent(kQueue);
  block_workers();
  for (int number = 0; number < kQueue; ++number) {
    intake_->submit(stop_job(number), [](std::string_view kind, const std::string&) {
      EXPECT_EQ(kind, "job.accepted");
    });
  }
  books_->commit();
  ASSERT_EQ(supervisor_->waiting(), std::size_t{kQueue});

  int busy = 0;
  bool told_when = true;
  const double before = resident_mib();
  for (int number = 0; number < kSubmissions; ++number) {
    intake_->submit(stop_job(kQueue + number), [&](std::string_view kind, const std::string& body) {
      busy += kind == "busy" ? 1 : 0;
      told_when = told_when && body == R"({"retry_after_ms":500})";
    });
  }
  books_->commit();
  EXPECT_EQ(busy, kSubmissions);
  EXPECT_TRUE(told_when);
  EXPECT_LT(resident_mib() - before, kMostGrowthMib);
  EXPECT_EQ(supervisor_->waiting(), std::size_t{kQueue});
  // One that was taken in is answered as ever.
  EXPECT_TRUE(submit_text(stop_job(7)).body.at("duplicate").boolean_or(false));
}

TEST_F(BackPressure, LargeJobsFillTheQueueByTheirSize) {
  end_agent();
  most_bytes_ = std::size_t{2} << 20;
  start_agent(10'000);
  block_workers();
  json::Object request = run_job("", "");
  request.find("spec")->object()->set(
      "env", json::Object{{"A", std::string(100'000, 'a')}, {"B", std::string(100'000, 'b')}});
  int accepted = 0;
  for (int number = 0; number < 100; ++number) {
    request.set("id", "large-" + std::to_string(number));
    request.set("target", "web-" + std::to_string(number));
    const Answer answer = submit(request);
    accepted += answer.kind == "job.accepted" ? 1 : 0;
    EXPECT_TRUE(answer.kind == "job.accepted" || answer.kind == "busy") << answer.kind;
  }
  EXPECT_EQ(accepted, 10);
  EXPECT_LE(supervisor_->bytes(), most_bytes_);
  // A small one still fits, and a cancel makes room.
  EXPECT_EQ(submit_text(stop_job(1)).kind, "job.accepted");
  EXPECT_EQ(submit(job("c1", "job.cancel", "large-9")).kind, "job.accepted");
  await("large-9");
  request.set("id", "another");
  EXPECT_EQ(submit(request).kind, "job.accepted");
}

TEST_F(BackPressure, ACancelIsTakenHoweverFullTheQueue) {
  end_agent();
  start_agent(1);
  block_workers();
  EXPECT_EQ(submit_text(stop_job(1)).kind, "job.accepted");
  EXPECT_EQ(submit_text(stop_job(2)).kind, "busy");
  EXPECT_EQ(submit(job("c1", "job.cancel", "job-1")).kind, "job.accepted");
  EXPECT_EQ(await("job-1").state, JobState::cancelled);
  EXPECT_EQ(submit_text(stop_job(2)).kind, "job.accepted");
}

}  // namespace
}  // namespace drover::jobs
