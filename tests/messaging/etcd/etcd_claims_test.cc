#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "fakes/etcd_cluster.h"
#include "messaging/etcd/claims.h"

namespace drover::etcd {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

class ClaimsTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { member_ = std::make_unique<fakes::EtcdCluster>(1); }
  static void TearDownTestSuite() { member_.reset(); }

  Claim take(const std::string& name, const std::string& node) {
    const auto taken = claims_.take(name, node, stop_);
    EXPECT_TRUE(taken) << (taken ? "" : taken.error().message);
    const auto* claim = taken ? std::get_if<Claim>(&*taken) : nullptr;
    EXPECT_NE(claim, nullptr) << name << " is held by somebody else";
    return claim != nullptr ? *claim : Claim{};
  }

  static std::unique_ptr<fakes::EtcdCluster> member_;
  nanoseconds now_ = seconds(1000);
  std::unique_ptr<Gateway> gateway_ = std::move(*Gateway::make(member_->settings()));
  Client client_{*gateway_};
  Claims claims_{client_, "claims", {seconds(20), seconds(5)}, [this] { return now_; }};
  const system::Stop stop_;
};
std::unique_ptr<fakes::EtcdCluster> ClaimsTest::member_;

TEST_F(ClaimsTest, TheFirstHoldsItAndTheSecondIsToldWhoDoes) {
  const Claim claim = take("one", "pve1");
  EXPECT_EQ(claim.attempt, 1);
  EXPECT_TRUE(claims_.holds(claim));
  const auto second = claims_.take("one", "pve2", stop_);
  ASSERT_TRUE(second) << second.error().message;
  const auto* holder = std::get_if<Holder>(&*second);
  ASSERT_NE(holder, nullptr);
  EXPECT_EQ(holder->node, "pve1");
  EXPECT_EQ(holder->attempt, 1);
  EXPECT_EQ((*claims_.holder("one", stop_))->node, "pve1");
  EXPECT_EQ(take("other", "pve2").attempt, 1) << "each name has its own";
}

TEST_F(ClaimsTest, AReleasedOneIsTakenAtOnceWithAHigherAttempt) {
  for (std::int64_t attempt = 1; attempt < 4; ++attempt) {
    const Claim claim = take("again", "pve1");
    EXPECT_EQ(claim.attempt, attempt);
    ASSERT_TRUE(claims_.release(claim, stop_));
    EXPECT_FALSE(*claims_.holder("again", stop_));
    EXPECT_TRUE(claims_.release(claim, stop_)) << "it is as it shall be";
  }
}

TEST_F(ClaimsTest, ItsTimeIsOverByTheGraceBeforeTheLeaseIs) {
  Claim claim = take("time", "pve1");
  now_ += seconds(14);
  EXPECT_TRUE(claims_.holds(claim));
  now_ += seconds(1);
  EXPECT_FALSE(claims_.holds(claim));
  EXPECT_TRUE(*claims_.holder("time", stop_)) << "to others it is held yet";
  const auto renewed = claims_.renew(claim, stop_);
  ASSERT_TRUE(renewed) << renewed.error().message;
  EXPECT_TRUE(claims_.holds(claim));
  EXPECT_EQ(claim.good_until, now_ + seconds(15));
}

TEST_F(ClaimsTest, OneThatWasTakenAwayIsLostAtItsRenewal) {
  Claim ended = take("ended", "pve1");
  ASSERT_TRUE(client_.revoke(ended.lease, stop_));
  EXPECT_EQ(claims_.renew(ended, stop_).error().code, Code::not_found);

  Claim deleted = take("deleted", "pve1");
  ASSERT_TRUE(client_.remove({Keys::one("claims/claims/deleted")}, stop_));
  const Claim next = take("deleted", "pve2");
  EXPECT_EQ(next.attempt, 2);
  EXPECT_EQ(claims_.renew(deleted, stop_).error().code, Code::not_found);
  ASSERT_TRUE(claims_.release(deleted, stop_));
  EXPECT_EQ((*claims_.holder("deleted", stop_))->node, "pve2") << "another's is not released";
}

TEST_F(ClaimsTest, KeysThatAreDamagedAreNamed) {
  ASSERT_TRUE(client_.put({"claims/claims/bad", "{}"}, stop_));
  const auto claim = claims_.take("bad", "pve1", stop_);
  ASSERT_FALSE(claim);
  EXPECT_EQ(claim.error().code, Code::broken);
  EXPECT_THAT(claim.error().message, testing::HasSubstr("claims/claims/bad"));
  ASSERT_TRUE(client_.put({"claims/attempts/worse", "1x"}, stop_));
  EXPECT_EQ(claims_.take("worse", "pve1", stop_).error().code, Code::broken);
}

/// claimer.cc, a process of its own.
class Claimer {
 public:
  Claimer(const std::string& node, const fakes::EtcdCluster& cluster)
      : log_(cluster.folder() / node) {
    std::vector<std::string> argv = {CLAIMER_PROGRAM, node};
    const Settings settings = cluster.settings();
    argv.insert(argv.end(), settings.endpoints.begin(), settings.endpoints.end());
    const system::UniqueFd output(
        open(log_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    system::ChildOptions options;
    options.dies_with_parent = true;
    options.descriptors = {{output.get(), STDOUT_FILENO}};
    auto started = system::Child::start(argv, options);
    EXPECT_TRUE(started) << (started ? "" : started.error().message);
    child_.emplace(std::move(*started));
  }
  Claimer(const Claimer&) = delete;
  Claimer& operator=(const Claimer&) = delete;
  ~Claimer() { kill(); }
  void signal(int number) { child_->signal(number); }
  void kill() {
    if (child_) {
      child_->signal(SIGKILL);
      EXPECT_TRUE(child_->wait(system::Stop(), seconds(20)));
      child_.reset();
    }
  }

  struct Line {
    std::string what;
    std::int64_t attempt = 0;
    std::int64_t at = 0;
    std::int64_t until = 0;
  };
  std::vector<Line> lines() const {
    std::istringstream text(system::read_file(log_).value_or(""));
    std::vector<Line> lines;
    for (std::string line; std::getline(text, line);) {
      std::istringstream words(line);
      Line read;
      words >> read.what >> read.attempt >> read.at >> read.until;
      lines.push_back(read);
    }
    return lines;
  }
  /// Until it has said so once more than the first `seen` lines.
  bool says(const std::string& what, std::size_t seen) const {
    const auto deadline = std::chrono::steady_clock::now() + seconds(30);
    while (std::chrono::steady_clock::now() < deadline) {
      const std::vector<Line> all = lines();
      for (std::size_t line = seen; line < all.size(); ++line) {
        if (all[line].what == what) {
          return true;
        }
      }
      poll(nullptr, 0, 20);
    }
    return false;
  }

 private:
  const std::filesystem::path log_;
  std::optional<system::Child> child_;
};

TEST(ClaimsOfTwo, NeverBothHoldItWhoeverIsStoppedOrKilled) {
  fakes::EtcdCluster cluster(3);
  Claimer first("pve1", cluster);
  ASSERT_TRUE(first.says("took", 0));
  Claimer second("pve2", cluster);

  // One that sleeps past its time finds that it has lost, and the other has it.
  first.signal(SIGSTOP);
  ASSERT_TRUE(second.says("took", 0));
  first.signal(SIGCONT);
  ASSERT_TRUE(first.says("lost", 0));

  // Without the leader of etcd it goes on, or begins anew.
  const std::size_t leader = cluster.leader();
  cluster.kill(leader);
  ASSERT_TRUE(second.says("renewed", second.lines().size()) || first.says("renewed", 0));

  // One that has died loses it.
  const std::size_t before = first.lines().size();
  second.kill();
  ASSERT_TRUE(first.says("took", before) || first.says("renewed", before));

  struct Held {
    std::int64_t from = 0;
    std::int64_t until = 0;
    const Claimer* by = nullptr;
  };
  std::map<std::int64_t, Held> attempts;
  for (const Claimer* claimer : {&first, &second}) {
    for (const Claimer::Line& line : claimer->lines()) {
      Held& held = attempts[line.attempt];
      EXPECT_TRUE(held.by == nullptr || held.by == claimer) << "attempt " << line.attempt;
      held.by = claimer;
      if (line.what == "took") {
        EXPECT_EQ(held.from, 0) << "attempt " << line.attempt << " was taken twice";
        held.from = line.at;
      }
      held.until = std::max(held.until, line.until);
    }
  }
  EXPECT_GE(attempts.size(), 3U);
  std::int64_t last = 0;
  std::int64_t expected = 1;
  for (const auto& [attempt, held] : attempts) {
    // A claim whose answer was lost with a member has taken its number too.
    EXPECT_GE(attempt, expected);
    expected = attempt + 1;
    EXPECT_GE(held.from, last) << "attempt " << attempt << " began while the one before was good";
    last = held.until;
  }
}

}  // namespace
}  // namespace drover::etcd
