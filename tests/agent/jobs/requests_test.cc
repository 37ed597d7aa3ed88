// What clients ask: the way of a request from the front's record to its answer, and the queries.
#include <gmock/gmock.h>

#include <fstream>

#include "messaging/message.h"
#include "requests_fixture.h"
#include "runtimes/log_parts.h"
#include "runtimes/log_rotation.h"

namespace drover::jobs {
namespace {

using messaging::Record;

TEST_F(RequestsTest, AnAnswerGoesToItsPeerWithItsNumber) {
  const auto answers = ask("observe", "query.node", "{}", 42);
  ASSERT_EQ(answers.size(), 1U);
  const json::Value header(answers.at(0).header);
  EXPECT_EQ(header.at("peer").integer_or(0), 7);
  EXPECT_EQ(header.at("rq").integer_or(0), 42);
  EXPECT_EQ(json::parse(answers.at(0).body).value().at("node").string_or(""), "pve1");
}

TEST_F(RequestsTest, AFrontThatPassesOnWhatItMayNotIsNotBelieved) {
  const std::string job = json::write(run_job("j1", "web-1"));
  EXPECT_EQ(refusal("observe", "job.submit", job), "refused");
  EXPECT_EQ(refusal("submit", "query.jobs", "{}"), "refused");
  EXPECT_EQ(refusal("", "query.jobs", "{}"), "refused");
  EXPECT_EQ(refusal("root", "job.submit", job), "refused");
  EXPECT_EQ(refusal("admin", "query.everything", "{}"), "invalid");
  EXPECT_EQ(refusal("admin", "stream.flood", "{}"), "invalid");
  for (const char* kind : {"input.open", "input.data", "input.finish", "terminal.resize"}) {
    EXPECT_EQ(refusal("observe", kind, "{}"), "refused") << kind;
    EXPECT_EQ(refusal("submit", kind, "{}"), "invalid") << kind;
  }
  EXPECT_FALSE(journal_->job("j1").value());
}

TEST_F(RequestsTest, AJobIsAnsweredOnceItIsJournalled) {
  const auto answers = ask("submit", "job.submit", json::write(run_job("j1", "web-1")));
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(kind_of(answers.at(0)), "job.accepted");
  EXPECT_EQ(await("j1").state, JobState::succeeded);
}

TEST_F(RequestsTest, QuestionsThatMakeNoSenseAreInvalid) {
  for (const char* body : {"", "[]", "7", "{\"most\":0}", "{\"most\":\"many\"}", "{\"more\":1}"}) {
    EXPECT_EQ(refusal("observe", "query.jobs", body), "invalid") << body;
  }
  EXPECT_EQ(refusal("observe", "query.job", "{}"), "invalid");
  EXPECT_EQ(refusal("observe", "query.explain", R"({"name":"No Name"})"), "invalid");
  EXPECT_EQ(refusal("observe", "query.containers", std::string(9, '[') + std::string(9, ']')),
            "invalid");
  EXPECT_EQ(refusal("observe", "query.container", R"({"name":"web-1"})"), "not_found");
  EXPECT_EQ(refusal("observe", "query.job", R"({"id":"j1"})"), "not_found");
}

TEST_F(RequestsTest, QueriesTellWhatTheJobsDid) {
  json::Object request = run_job("j1", "web-1");
  request.find("spec")->object()->set("labels", json::Object{{"team", "web"}});
  run(request);
  run(job("j2", "container.delete", "nobody"));
  const json::Value list = answer("query.containers", "{}");
  ASSERT_EQ(list.at("containers").array()->size(), 1U);
  EXPECT_EQ(list.at("containers").array()->at(0).at("labels").at("team").string_or(""), "web");
  EXPECT_TRUE(list.at("whole").boolean_or(false));
  const json::Value one = answer("query.container", R"({"name":"web-1"})");
  EXPECT_EQ(one.at("status").string_or(""), "running");
  EXPECT_EQ(one.at("spec").at("rootfs").string_or(""), root_.native());
  const json::Value jobs = answer("query.jobs", "{\"most\":10}");
  ASSERT_EQ(jobs.at("jobs").array()->size(), 2U);
  EXPECT_EQ(jobs.at("jobs").array()->at(0).at("error").at("code").string_or(""), "not_found");
  const json::Value ended = answer("query.job", R"({"id":"j1"})");
  EXPECT_EQ(ended.at("state").string_or(""), "succeeded");
  for (const json::Value& step : *ended.at("steps").array()) {
    EXPECT_EQ(step.at("state").string_or(""), "done");
  }
  const json::Value explained = answer("query.explain", R"({"name":"web-1"})");
  EXPECT_TRUE(explained.at("rule").is_null());
  const json::Value node = answer("query.node", "{}");
  EXPECT_EQ(node.at("containers").integer_or(0), 1);
  EXPECT_EQ(node.at("seq").integer_or(0), static_cast<std::int64_t>(published_.size()));
}

TEST_F(RequestsTest, EventsAreReplayedFromAnyNumber) {
  run(run_job("j1", "web-1"));
  const json::Value page = answer("query.events", R"({"after":3,"most":2})");
  EXPECT_EQ(page.at("head").integer_or(0), static_cast<std::int64_t>(published_.size()));
  ASSERT_EQ(page.at("events").array()->size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(page.at("events").array()->at(i), to_cloud_event(published_.at(3 + i), "pve1"));
  }
}

TEST_F(RequestsTest, MoreContainersThanFitAFrameComeInPages) {
  // By the journal itself: what is asked for does not depend on how they were made.
  run(run_job("j1", "c-0000"));
  ContainerRow row = *journal_->container("c-0000").value();
  constexpr int kCount = 1500;
  for (int number = 1; number < kCount; ++number) {
    row.name = fmt::format("c-{:04}", number);
    ASSERT_TRUE(journal_->put_container(row));
  }
  std::string after;
  int seen = 0;
  int pages = 0;
  for (bool whole = false; !whole; ++pages) {
    const auto answers =
        ask("observe", "query.containers", json::write(json::Object{{"after", after}}));
    ASSERT_EQ(kind_of(answers.at(0)), "answer");
    EXPECT_LE(answers.at(0).body.size(), messaging::kMostBody);
    const json::Value page = json::parse(answers.at(0).body).value();
    for (const json::Value& container : *page.at("containers").array()) {
      after = std::string(container.at("name").string_or(""));
      EXPECT_EQ(after, fmt::format("c-{:04}", seen++));
    }
    whole = page.at("whole").boolean_or(true);
  }
  EXPECT_EQ(seen, kCount);
  EXPECT_GT(pages, 1);
}

TEST_F(RequestsTest, MoreLeaksThanFitAFrameComeInPages) {
  constexpr int kCount = 2000;
  for (int number = 0; number < kCount; ++number) {
    // Half of them have the names of the other half.
    LeakRow row{number % 2 == 0 ? "container" : "undo", number % 2 == 0 ? "runc" : "",
                fmt::format("c-{:04}", number / 2), "", ""};
    row.message = std::string(200, 'x');
    ASSERT_TRUE(journal_->put_leak(row));
  }
  std::set<std::string> seen;
  std::string after;
  int pages = 0;
  for (bool whole = false; !whole; ++pages) {
    const auto answers = ask("observe", "query.leaks", json::write(json::Object{{"after", after}}));
    ASSERT_EQ(kind_of(answers.at(0)), "answer");
    EXPECT_LE(answers.at(0).body.size(), messaging::kMostBody);
    const json::Value page = json::parse(answers.at(0).body).value();
    for (const json::Value& leak : *page.at("leaks").array()) {
      const std::string id(leak.at("id").string_or(""));
      EXPECT_LT(after, id);
      after = id;
      seen.insert(id);
    }
    whole = page.at("whole").boolean_or(true);
  }
  EXPECT_EQ(seen.size(), std::size_t{kCount});
  EXPECT_GT(pages, 1);
}

TEST_F(RequestsTest, AStreamGoesAsFarAsItsCreditAndThenOn) {
  run(run_job("j1", "web-1"));
  write_log("web-1", "0123456789");
  auto answers = ask("submit", "stream.open", R"({"name":"web-1","offset":2,"credit":3})", 5);
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(kind_of(answers.at(0)), "stream.data");
  EXPECT_EQ(answers.at(0).data, "234");
  EXPECT_EQ(answers.at(0).header.find("offset")->integer_or(0), 2);
  EXPECT_EQ(answers.at(0).header.find("rq")->integer_or(0), 5);
  answers = ask("submit", "stream.credit", R"({"bytes":100})", 5);
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers.at(0).data, "56789");
  EXPECT_EQ(kind_of(answers.at(1)), "stream.end");
  EXPECT_EQ(json::parse(answers.at(1).body).value().at("offset").integer_or(0), 10);
  EXPECT_TRUE(ask("submit", "stream.credit", R"({"bytes":100})", 5).empty());
}

TEST_F(RequestsTest, AFollowedLogGrowsUntilItsContainerHasStopped) {
  run(run_job("j1", "web-1"));
  write_log("web-1", "one");
  ASSERT_EQ(ask("submit", "stream.open", R"({"name":"web-1","follow":true,"credit":1000})").size(),
            1U);
  sent_.clear();
  write_log("web-1", "two");
  while (sent_.empty()) {
    loop_->turn(std::chrono::seconds(60));
  }
  ASSERT_EQ(sent_.size(), 1U);
  EXPECT_EQ(sent_.at(0).data, "two");
  write_log("web-1", "end");
  streams_->ended("container", "web-1");
  ASSERT_EQ(sent_.size(), 3U);
  EXPECT_EQ(sent_.at(1).data, "end");
  EXPECT_EQ(kind_of(sent_.at(2)), "stream.end");
}

TEST_F(RequestsTest, AStreamBeginsWithTheLastLinesOrAtATime) {
  run(run_job("j1", "web-1"));
  const std::string old = "2026-11-24T14:03:05.000Z stdout F one\n";
  const std::string young = "2026-11-24T14:03:06.000Z stdout F two\n";
  write_log("web-1", old + young);
  const auto first = [this](const std::string& body, std::uint64_t request) {
    return ask("submit", "stream.open", body, request).front();
  };
  const Record tail = first(R"({"name":"web-1","tail":1,"credit":1000})", 1);
  EXPECT_EQ(tail.data, young);
  EXPECT_EQ(tail.header.find("offset")->integer_or(0), static_cast<std::int64_t>(old.size()));
  EXPECT_EQ(tail.header.find("gone"), nullptr);
  EXPECT_EQ(first(R"({"name":"web-1","since":1795528986000,"credit":1000})", 2).data, young);
  EXPECT_EQ(first(R"({"name":"web-1","since":1795528985000,"credit":1000})", 3).data, old + young);
  EXPECT_EQ(first(R"({"name":"web-1","since":1795528985000,"tail":1,"credit":1000})", 4).data,
            young);
  const Record end = first(R"({"name":"web-1","tail":0,"credit":1000})", 5);
  EXPECT_EQ(kind_of(end), "stream.end");
  ContainerRow row = journal_->container("web-1").value().value();
  row.runtime = "pve-lxc";
  ASSERT_TRUE(journal_->put_container(row));
  EXPECT_EQ(refusal("submit", "stream.open", R"({"name":"web-1","since":0})"), "refused");
}

TEST_F(RequestsTest, AGuestsLogIsOneOverItsRotations) {
  run(run_job("j1", "web-1"));
  ContainerRow row = journal_->container("web-1").value().value();
  row.runtime = "pve-lxc";
  ASSERT_TRUE(journal_->put_container(row));
  const auto log = layout_.log(*ContainerName::parse("web-1"));
  EXPECT_EQ(refusal("submit", "stream.open", R"({"name":"web-1"})"), "unavailable");
  ASSERT_TRUE(runtimes::begin_rotated_log(log));
  ask("submit", "stream.open", R"({"name":"web-1","follow":true,"credit":1000})");
  std::string seen;
  for (const char* text : {"one\r\n", "two\r\n", "three\r\n"}) {
    write_log("web-1", text);
    std::filesystem::rename(log, runtimes::older_part(log));
    write_log("web-1", "");
    for (sent_.clear(); sent_.empty();) {
      loop_->turn(std::chrono::seconds(60));
    }
    EXPECT_EQ(sent_.at(0).data, text);
    EXPECT_TRUE(sent_.at(0).header.find("raw")->boolean_or(false));
    EXPECT_EQ(sent_.at(0).header.find("gone"), nullptr);
  }
  ask("submit", "stream.close", "");
  const auto late = ask("submit", "stream.open", R"({"name":"web-1","credit":1000})", 2);
  ASSERT_EQ(late.size(), 2U);
  EXPECT_EQ(late.at(0).data, "three\r\n");
  EXPECT_EQ(late.at(0).header.find("offset")->integer_or(0), 10);
  EXPECT_EQ(late.at(0).header.find("gone")->integer_or(0), 10);
}

TEST_F(RequestsTest, ASlowFollowerOfAGuestIsToldWhatIsGone) {
  run(run_job("j1", "web-1"));
  ContainerRow row = journal_->container("web-1").value().value();
  row.runtime = "pve-lxc";
  ASSERT_TRUE(journal_->put_container(row));
  const auto log = layout_.log(*ContainerName::parse("web-1"));
  ASSERT_TRUE(runtimes::begin_rotated_log(log));
  write_log("web-1", "one\r\n");
  ask("submit", "stream.open", R"({"name":"web-1","follow":true,"credit":0})");
  for (const char* next : {"two\r\n", "three\r\n", "four\r\n"}) {
    std::filesystem::rename(log, runtimes::older_part(log));
    write_log("web-1", next);
    loop_->turn(std::chrono::milliseconds(0));
  }
  ask("submit", "stream.credit", R"({"bytes":1000})");
  ASSERT_GE(sent_.size(), 3U);
  const Record& after = *(sent_.end() - 2);
  EXPECT_EQ((sent_.end() - 3)->data, "one\r\n");
  EXPECT_EQ(after.data, "three\r\n");
  ASSERT_NE(after.header.find("gone"), nullptr);
  EXPECT_EQ(after.header.find("gone")->integer_or(0), 5);
  EXPECT_EQ(sent_.back().data, "four\r\n");
  EXPECT_EQ(sent_.back().header.find("gone"), nullptr);
}

TEST_F(RequestsTest, OfAStoppedGuestThatNothingWasKeptOfThereIsNothingToWaitFor) {
  run(run_job("j1", "web-1"));
  ContainerRow row = journal_->container("web-1").value().value();
  row.runtime = "pve-lxc";
  row.status = Status::stopped;
  ASSERT_TRUE(journal_->put_container(row));
  EXPECT_EQ(refusal("submit", "stream.open", R"({"name":"web-1","follow":true})"), "not_found");
}

TEST_F(RequestsTest, StreamsHaveABoundAndCloseMakesRoom) {
  run(run_job("j1", "web-1"));
  write_log("web-1", "x");
  constexpr std::uint64_t kMost = 128;
  const std::string open = R"({"name":"web-1","follow":true,"credit":0})";
  for (std::uint64_t rq = 1; rq <= kMost; ++rq) {
    ASSERT_TRUE(ask("submit", "stream.open", open, rq).empty());
  }
  EXPECT_EQ(refusal("submit", "stream.open", open), "conflict");
  ask("submit", "stream.close", "", 9);
  EXPECT_TRUE(ask("submit", "stream.open", open, 9).empty());
  streams_->close_all();
  EXPECT_TRUE(ask("submit", "stream.open", open, 1).empty());
}

TEST_F(RequestsTest, LogsOfNobodyAndPathsAreNotOpened) {
  EXPECT_EQ(refusal("submit", "stream.open", R"({"name":"nobody"})"), "not_found");
  EXPECT_EQ(refusal("submit", "stream.open", R"({"name":"../../../etc/passwd"})"), "not_found");
  EXPECT_EQ(refusal("submit", "stream.open", R"({"of":"job.log","id":"../j1"})"), "not_found");
  EXPECT_EQ(refusal("submit", "stream.open", R"({"of":"node.log","name":"x"})"), "invalid");
  EXPECT_EQ(refusal("submit", "stream.open", R"({"name":"web-1","credit":-1})"), "invalid");
  run(run_job("j1", "web-1"));
  EXPECT_EQ(refusal("submit", "stream.open", R"({"name":"web-1"})"), "unavailable");
}

}  // namespace
}  // namespace drover::jobs
