#include "agent/jobs/keep/askers.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <future>
#include <optional>
#include <stdexcept>

#include "agent/system/inner_connection.h"
#include "fakes/fake_clock.h"

namespace drover::jobs {
namespace {

using namespace std::chrono_literals;

class AskersTest : public testing::Test {
 protected:
  static Finding wait_until_stopped(const system::Stop& stop) {
    const Result<> waited = system::wait_for(stop.fd(), POLLIN, stop, "wait");
    return {Finding::What::unasked, waited ? "" : waited.error().message};
  }
  /// Turns until so many answers have come.
  void await(std::size_t count) {
    while (findings_.size() < count) {
      loop_.turn(10s);
    }
  }
  std::function<void(const Finding&)> keep() {
    return [this](const Finding& finding) { findings_.push_back(finding); };
  }

  fakes::FakeClock clock_;
  system::Loop loop_{clock_};
  std::vector<Finding> findings_;
  Askers askers_{loop_, 2};
};

TEST_F(AskersTest, AnAnswerComesToTheLoopsThread) {
  const auto here = std::this_thread::get_id();
  std::thread::id there;
  bool answered_here = false;
  askers_.ask(
      1s,
      [&](const system::Stop&) {
        there = std::this_thread::get_id();
        return Finding{Finding::What::success};
      },
      [&](const Finding& finding) {
        findings_.push_back(finding);
        answered_here = std::this_thread::get_id() == here;
      });
  await(1);
  EXPECT_EQ(findings_.front().what, Finding::What::success);
  EXPECT_TRUE(answered_here);
  EXPECT_NE(there, here);
}

TEST_F(AskersTest, OneThatTakesTooLongHasFailed) {
  askers_.ask(2s, wait_until_stopped, keep());
  loop_.turn(0ms);
  clock_.advance(2s);
  await(1);
  EXPECT_EQ(findings_.front().what, Finding::What::failure);
  EXPECT_EQ(findings_.front().message, "no answer within 2 s");
}

TEST_F(AskersTest, TimeIsCountedFromWhenAThreadHasIt) {
  askers_.ask(10s, wait_until_stopped, keep());
  askers_.ask(10s, wait_until_stopped, keep());
  std::atomic<bool> asked = false;
  std::optional<Finding> last;  // the other two may be told after it
  askers_.ask(
      1s,
      [&](const system::Stop&) {
        asked = true;
        return Finding{Finding::What::success};
      },
      [&](const Finding& finding) {
        last = finding;
        keep()(finding);
      });
  clock_.advance(5s);
  loop_.turn(0ms);
  EXPECT_FALSE(asked) << "two threads, and both are taken";
  clock_.advance(5s);
  await(3);
  EXPECT_EQ(last.value().what, Finding::What::success);
}

TEST_F(AskersTest, OneThatIsWithdrawnAnswersNobodyAndFreesItsThread) {
  const Askers::Ticket first = askers_.ask(10s, wait_until_stopped, keep());
  askers_.ask(10s, wait_until_stopped, keep());
  const Askers::Ticket waiting = askers_.ask(10s, wait_until_stopped, keep());
  askers_.ask(
      10s, [](const system::Stop&) { return Finding{Finding::What::success}; }, keep());
  askers_.withdraw(waiting);
  askers_.withdraw(first);
  askers_.withdraw(4711);
  await(1);
  EXPECT_EQ(findings_.front().what, Finding::What::success);
}

TEST_F(AskersTest, ABugOfAQuestionCostsThisQuestionOnly) {
  askers_.ask(
      1s, [](const system::Stop&) -> Finding { throw std::runtime_error("a bug"); }, keep());
  await(1);
  EXPECT_EQ(findings_.front().what, Finding::What::unasked);
  EXPECT_EQ(findings_.front().message, "unexpected failure: a bug");
}

TEST(Askers, TheirEndStopsWhoeverAsks) {
  fakes::FakeClock clock;
  system::Loop loop(clock);
  std::promise<void> begun;
  std::atomic<bool> stopped = false;
  const auto tell_nobody = [](const Finding&) { ADD_FAILURE() << "nobody is left to tell"; };
  {
    Askers askers(loop, 1);
    askers.ask(
        1h,
        [&](const system::Stop& stop) {
          begun.set_value();
          [[maybe_unused]] const Result<> waited =
              system::wait_for(stop.fd(), POLLIN, stop, "wait");
          stopped = true;
          return Finding{};
        },
        tell_nobody);
    askers.ask(
        1h, [](const system::Stop&) { return Finding{}; }, tell_nobody);
    begun.get_future().wait();
  }
  EXPECT_TRUE(stopped);
}

}  // namespace
}  // namespace drover::jobs
