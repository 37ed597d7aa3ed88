// What programs are given to read: each byte once, whoever ends meanwhile.
#include "agent/jobs/queries/input_streams.h"

#include <gmock/gmock.h>

#include <chrono>
#include <fstream>

#include "node_fixture.h"

namespace drover::jobs {
namespace {

using Address = InputStreams::Address;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::size_t kWindow = InputStreams::kWindow;

class InputStreamsTest : public NodeFixture {
 protected:
  struct Told {
    Address to;
    std::string kind;
    json::Value body;
  };

  void SetUp() override {
    NodeFixture::SetUp();
    start();
    ASSERT_EQ(run(run_job("j1", "web-1")).state, JobState::succeeded);
    runtime_.inputs().begin("web-1");
  }
  void TearDown() override {
    inputs_.reset();
    NodeFixture::TearDown();
  }
  void start() {
    inputs_ = std::make_unique<InputStreams>(
        *loop_, *journal_, *node_, clock_,
        [this](const Address& to, std::string_view kind, const json::Value& body) {
          told_.push_back({to, std::string(kind), body});
        });
  }
  /// An agent ends in good order, and the next begins.
  void start_anew() {
    inputs_.reset();
    start();
  }
  Result<> open(std::uint64_t request, const std::string& session = "s", std::uint64_t offset = 0,
                const std::string& of = "web-1") {
    json::Object body{{"session", session}, {"offset", offset}};
    if (of.starts_with("job ")) {
      body.set("of", "job");
      body.set("id", of.substr(4));
    } else {
      body.set("name", of);
    }
    told_.clear();
    return inputs_->open({7, request}, body);
  }
  Code refusal(const Result<>& opened) {
    EXPECT_FALSE(opened);
    EXPECT_THAT(kinds(), IsEmpty());
    return opened ? Code::cancelled : opened.error().code;
  }
  Result<> give(std::uint64_t request, std::uint64_t offset, std::string_view data) {
    return inputs_->take({7, request}, offset, data);
  }
  Result<> finish(std::uint64_t request, std::uint64_t offset) {
    return inputs_->finish({7, request}, json::Object{{"offset", offset}});
  }
  std::vector<std::string> kinds() const {
    std::vector<std::string> kinds;
    for (const Told& told : told_) {
      kinds.push_back(told.kind);
    }
    return kinds;
  }
  std::int64_t last(const char* member) const {
    return told_.empty() ? -1 : told_.back().body.at(member).integer_or(-1);
  }
  /// What the program reads until it has read so much.
  std::string read(std::size_t most, const std::string& program = "web-1") {
    std::string text;
    while (text.size() < most) {
      text += runtime_.inputs().read(program);
      loop_->turn(std::chrono::milliseconds(0));
    }
    return text;
  }
  system::Path file(const std::string& session) const { return layout_.inputs() / session; }
  /// A job that runs a program inside.
  void exec(const std::string& id, bool begun) {
    JobRow row{.id = id, .verb = "container.exec", .target = "web-1", .request = "{}"};
    ASSERT_TRUE(journal_->add_job(row));
    if (begun) {
      ASSERT_TRUE(journal_->begin_job(id));
    }
    books_->commit();
  }

  std::unique_ptr<InputStreams> inputs_;
  std::vector<Told> told_;
};

TEST_F(InputStreamsTest, AProgramReadsWhatComesAndTheEndBehindIt) {
  ASSERT_TRUE(open(1));
  EXPECT_THAT(kinds(), ElementsAre("input.opened"));
  EXPECT_EQ(last("offset"), 0);
  EXPECT_EQ(last("until"), static_cast<std::int64_t>(kWindow));
  ASSERT_TRUE(give(1, 0, "one "));
  EXPECT_EQ(last("offset"), 4);
  ASSERT_TRUE(give(1, 4, "two"));
  EXPECT_FALSE(runtime_.inputs().finished("web-1"));
  ASSERT_TRUE(finish(1, 7));
  EXPECT_EQ(runtime_.inputs().read("web-1"), "one two");
  EXPECT_TRUE(runtime_.inputs().finished("web-1"));
  EXPECT_EQ(kinds().back(), "input.end");
  EXPECT_TRUE(told_.back().body.at("finished").boolean_or(false));
}

TEST_F(InputStreamsTest, AProgramThatDoesNotReadCostsItsCreditAndNoMore) {
  ASSERT_TRUE(open(1));
  std::string all;
  for (std::size_t at = 0; at < kWindow; at += 1024) {
    all += std::string(1023, static_cast<char>('a' + at / 1024 % 26)) + "\n";
  }
  ASSERT_TRUE(give(1, 0, std::string_view(all).substr(0, kWindow / 2)));
  ASSERT_TRUE(give(1, kWindow / 2, std::string_view(all).substr(kWindow / 2)));
  const std::int64_t taken = last("offset");
  EXPECT_LE(taken, static_cast<std::int64_t>(fakes::FakeInputs::kCapacity));
  EXPECT_EQ(last("until"), taken + static_cast<std::int64_t>(kWindow));
  const std::string more(static_cast<std::size_t>(taken) + 1, 'x');
  EXPECT_EQ(give(1, kWindow, more).error().code, Code::invalid);
  EXPECT_EQ(read(kWindow), all);
  EXPECT_EQ(last("offset"), static_cast<std::int64_t>(kWindow));
  EXPECT_EQ(runtime_.inputs().read("web-1"), "");
}

TEST_F(InputStreamsTest, WhatCameTwiceIsGivenOnceAndWhatIsMissingAskedFor) {
  ASSERT_TRUE(open(1));
  ASSERT_TRUE(give(1, 0, "abc"));
  ASSERT_TRUE(give(1, 1, "bcde"));
  ASSERT_TRUE(give(1, 0, "ab"));
  ASSERT_TRUE(give(1, 9, "late"));
  EXPECT_EQ(last("from"), 5);
  ASSERT_TRUE(finish(1, 9));
  EXPECT_EQ(last("from"), 5);
  EXPECT_EQ(runtime_.inputs().read("web-1"), "abcde");
  EXPECT_EQ(finish(1, 3).error().code, Code::invalid);
  EXPECT_FALSE(runtime_.inputs().finished("web-1"));
}

TEST_F(InputStreamsTest, AnotherConnectionGoesOnWhereTheProgramIs) {
  const std::string long_text(3 * fakes::FakeInputs::kCapacity, 'x');
  ASSERT_TRUE(open(1));
  ASSERT_TRUE(give(1, 0, "abc" + long_text));
  ASSERT_TRUE(open(2, "s", 0));
  // The first one is told, and what it had sent that was not read is sent again.
  EXPECT_THAT(kinds(), ElementsAre("error", "input.opened"));
  const auto taken = static_cast<std::size_t>(last("offset"));
  EXPECT_LT(taken, 3 + long_text.size());
  EXPECT_EQ(give(1, taken, "no").error().code, Code::unavailable);
  ASSERT_TRUE(give(2, taken, ("abc" + long_text).substr(taken) + "end"));
  EXPECT_EQ(read(6 + long_text.size()), "abc" + long_text + "end");
}

TEST_F(InputStreamsTest, TheNextAgentGivesNothingTwiceAndLeavesNothingOut) {
  std::string all;
  for (int number = 0; all.size() < 3 * kWindow; ++number) {
    all += std::to_string(number) + "\n";
  }
  std::string seen;
  std::uint64_t request = 0;
  std::uint64_t taken = 0;
  while (taken < all.size()) {
    ASSERT_TRUE(open(++request, "s", taken));
    ASSERT_THAT(kinds(), ElementsAre("input.opened"));
    taken = static_cast<std::uint64_t>(last("offset"));
    ASSERT_TRUE(give(request, taken, std::string_view(all).substr(taken, 30'000)));
    seen += runtime_.inputs().read("web-1");
    loop_->turn(std::chrono::milliseconds(0));
    taken = static_cast<std::uint64_t>(last("offset"));
    start_anew();
  }
  seen += runtime_.inputs().read("web-1");
  EXPECT_EQ(seen, all);
  ASSERT_TRUE(open(++request, "s", taken));
  ASSERT_TRUE(finish(request, taken));
  start_anew();
  ASSERT_TRUE(open(++request, "s", taken));
  EXPECT_THAT(kinds(), ElementsAre("input.end"));
  EXPECT_TRUE(told_.back().body.at("finished").boolean_or(false));
}

TEST_F(InputStreamsTest, WhatAKilledAgentWasGivingIsToldAndNotGivenAgain) {
  {
    ASSERT_TRUE(open(1));
    ASSERT_TRUE(give(1, 0, "abc"));
    InputRecord record = InputRecord::read(file("s")).value();
    ASSERT_TRUE(record.begin(5));
  }
  start_anew();
  for (const std::uint64_t request : {2U, 3U}) {
    const Result<> opened = open(request, "s", 3);
    EXPECT_EQ(refusal(opened), Code::broken);
    EXPECT_THAT(opened.error().message, HasSubstr("bytes 3 to 8"));
  }
  EXPECT_EQ(runtime_.inputs().read("web-1"), "abc");
  // Whoever knows what was read begins anew.
  EXPECT_TRUE(open(4, "t"));
}

TEST_F(InputStreamsTest, AStreamThatIsNotKnownIsNotGoneOnWith) {
  EXPECT_EQ(refusal(open(1, "s", 9)), Code::broken);
  ASSERT_TRUE(open(2, "s"));
  EXPECT_EQ(refusal(open(3, "s", 9)), Code::broken);
  inputs_->close({7, 2});
  EXPECT_FALSE(std::filesystem::exists(file("s")));
  // A file that tells nothing is none.
  std::ofstream(file("s")) << "five bytes\n";
  start_anew();
  EXPECT_FALSE(std::filesystem::exists(file("s")));
}

TEST_F(InputStreamsTest, AProgramThatEndsIsToldToThoseWhoWrite) {
  ASSERT_TRUE(open(1));
  ASSERT_TRUE(open(2, "t"));
  told_.clear();
  inputs_->ended("container", "web-10");
  EXPECT_THAT(kinds(), IsEmpty());
  inputs_->ended("container", "web-1");
  EXPECT_THAT(kinds(), ElementsAre("input.end", "input.end"));
  EXPECT_THAT(std::string(told_.back().body.at("message").string_or("")),
              HasSubstr("container web-1 has ended"));
  EXPECT_FALSE(std::filesystem::exists(file("s")));
  EXPECT_EQ(give(1, 0, "x").error().code, Code::unavailable);
}

TEST_F(InputStreamsTest, OneThatReadsNoMoreIsToldAtOnce) {
  ASSERT_TRUE(open(1));
  runtime_.inputs().end("web-1");
  told_.clear();
  while (told_.empty()) {
    loop_->turn(std::chrono::seconds(60));
  }
  EXPECT_THAT(kinds(), ElementsAre("input.end"));
  // The journal does not know it yet.
  ASSERT_TRUE(open(2));
  EXPECT_THAT(kinds(), ElementsAre("input.end"));
  ASSERT_EQ(run(job("j2", "container.stop", "web-1")).state, JobState::succeeded);
  ASSERT_TRUE(open(3));
  EXPECT_THAT(kinds(), ElementsAre("input.end"));
}

TEST_F(InputStreamsTest, AProgramInsideIsWaitedForUntilItHasBegun) {
  exec("e1", false);
  EXPECT_EQ(refusal(open(1, "s", 0, "job e1")), Code::unavailable);
  ASSERT_TRUE(journal_->begin_job("e1"));
  EXPECT_EQ(refusal(open(1, "s", 0, "job e1")), Code::unavailable);
  runtime_.inputs().begin("e1");
  ASSERT_TRUE(open(1, "s", 0, "job e1"));
  ASSERT_TRUE(give(1, 0, "inside"));
  EXPECT_EQ(runtime_.inputs().read("e1"), "inside");
  EXPECT_EQ(runtime_.inputs().read("web-1"), "");
  EXPECT_EQ(refusal(open(2, "s", 0)), Code::conflict);  // one session, two programs
  ASSERT_TRUE(journal_->set_job("e1", JobState::succeeded, "{}", 1));
  start_anew();
  EXPECT_FALSE(std::filesystem::exists(file("s")));
  ASSERT_TRUE(open(1, "s", 6, "job e1"));
  EXPECT_THAT(kinds(), ElementsAre("input.end"));
}

TEST_F(InputStreamsTest, WhatIsNobodysInputIsRefused) {
  EXPECT_EQ(refusal(open(1, "s", 0, "nobody")), Code::not_found);
  EXPECT_EQ(refusal(open(1, "s", 0, "../web-1")), Code::not_found);
  EXPECT_EQ(refusal(open(1, "s", 0, "job nobody")), Code::not_found);
  EXPECT_EQ(refusal(open(1, "s", 0, "job j1")), Code::conflict);
  EXPECT_EQ(refusal(open(1, "../s")), Code::invalid);
  EXPECT_EQ(refusal(open(1, "")), Code::invalid);
  EXPECT_EQ(refusal(inputs_->open({7, 1}, json::Object{{"name", "web-1"}})), Code::invalid);
  EXPECT_EQ(refusal(inputs_->open({7, 1}, json::Object{{"session", "s"}, {"of", "node"}})),
            Code::invalid);
  EXPECT_EQ(refusal(inputs_->open(
                {7, 1}, json::Object{{"session", "s"}, {"name", "web-1"}, {"offset", -1}})),
            Code::invalid);
}

TEST_F(InputStreamsTest, ThereIsABoundForOneConnectionAndForAll) {
  const auto open_by = [this](std::uint64_t peer, std::uint64_t request) {
    return inputs_->open(
        {peer, request},
        json::Object{{"name", "web-1"}, {"session", fmt::format("s-{}-{}", peer, request)}});
  };
  std::uint64_t peer = 0;
  for (std::size_t count = 0; count < InputStreams::kMostOpen; ++count) {
    const std::uint64_t request = count % InputStreams::kMostOpenOfOne;
    peer += request == 0 ? 1 : 0;
    ASSERT_TRUE(open_by(peer, request)) << count;
  }
  EXPECT_EQ(open_by(peer, 99).error().code, Code::conflict);
  EXPECT_EQ(open_by(peer + 1, 0).error().code, Code::conflict);
  inputs_->close({1, 0});
  EXPECT_TRUE(open_by(peer + 1, 0));
  // One that was silent for long leaves its place, and goes on later.
  clock_.advance(std::chrono::seconds(61));
  for (std::uint64_t request = 2; request < InputStreams::kMostOpenOfOne; ++request) {
    EXPECT_TRUE(inputs_->take({1, request}, 0, ""));
  }
  EXPECT_TRUE(inputs_->take({1, 1}, 0, "a"));
  EXPECT_TRUE(open_by(peer + 2, 0));
  EXPECT_TRUE(inputs_->take({1, 1}, 1, "b"));
  inputs_->close_all();
  EXPECT_EQ(inputs_->take({1, 1}, 2, "c").error().code, Code::unavailable);
  EXPECT_TRUE(
      inputs_->open({99, 1}, json::Object{{"name", "web-1"}, {"session", "s-1-1"}, {"offset", 2}}));
  EXPECT_EQ(runtime_.inputs().read("web-1"), "ab");
}

TEST_F(InputStreamsTest, ATerminalGetsTheSizeThatItsClientHas) {
  const auto resize = [this](const json::Object& body) { return inputs_->resize(body); };
  EXPECT_TRUE(resize({{"name", "web-1"}, {"columns", 132}, {"rows", 50}}));
  EXPECT_EQ(runtime_.inputs().size("web-1"), TerminalSize({132, 50}));
  EXPECT_EQ(resize({{"name", "web-1"}, {"columns", 0}, {"rows", 50}}).error().code, Code::invalid);
  EXPECT_EQ(resize({{"name", "web-1"}, {"columns", 1}}).error().code, Code::invalid);
  exec("e1", false);
  const json::Object inside{{"of", "job"}, {"id", "e1"}, {"columns", 1}, {"rows", 2}};
  EXPECT_EQ(resize(inside).error().code, Code::unavailable);
  ASSERT_TRUE(journal_->begin_job("e1"));
  runtime_.inputs().begin("e1");
  EXPECT_TRUE(resize(inside));
  EXPECT_EQ(runtime_.inputs().size("e1"), TerminalSize({1, 2}));
  ASSERT_TRUE(journal_->set_job("e1", JobState::failed, "{}", 1));
  EXPECT_EQ(resize(inside).error().code, Code::not_found);
}

}  // namespace
}  // namespace drover::jobs
