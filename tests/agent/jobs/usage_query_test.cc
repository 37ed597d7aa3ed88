// What containers use, asked for by a query: read beside the loop, and answered in its turn.
#include "agent/jobs/queries/usage_query.h"

#include <gtest/gtest.h>

#include "agent/jobs/queries/answerers.h"
#include "agent/jobs/queries/requests.h"
#include "node_fixture.h"

namespace drover::jobs {
namespace {

class UsageQueryTest : public NodeFixture {
 protected:
  void SetUp() override {
    NodeFixture::SetUp();
    answerers_ = std::make_unique<Answerers>(*loop_);
  }
  void TearDown() override {
    answerers_.reset();
    NodeFixture::TearDown();
  }
  Result<> ask(const std::string& question) {
    UsageReading reading = TRY(usage_reading(*journal_, *node_, json::parse(question).value()));
    return answerers_->ask(std::move(reading), [this](const Result<json::Value>& answer) {
      answers_.push_back(answer.value_or(json::Value()));
    });
  }
  json::Value answer(const std::string& question) {
    answers_.clear();
    EXPECT_TRUE(ask(question));
    EXPECT_TRUE(answers_.empty()) << "not at once";
    while (answers_.empty()) {
      loop_->turn(std::chrono::seconds(60));
    }
    return answers_.front();
  }

  std::unique_ptr<Answerers> answerers_;
  std::vector<json::Value> answers_;
};

// The first process of this runtime's containers is the test's own.
TEST_F(UsageQueryTest, IsAnsweredOfThoseThatRun) {
  run(run_job("j1", "web-1"));
  run(run_job("j2", "web-2"));
  run(job("j3", "container.stop", "web-2"));
  const json::Value all = answer("{}");
  EXPECT_EQ(all.at("node").string_or(""), "pve1");
  EXPECT_TRUE(all.at("whole").boolean_or(false));
  ASSERT_EQ(all.at("stats").array()->size(), 2U) << json::write(all);
  const json::Value& one = all.at("stats").array()->at(0);
  EXPECT_EQ(one.at("name").string_or(""), "web-1");
  EXPECT_GT(one.at("at_ns").number(), 0);
  EXPECT_GT(one.at("memory").at("usage_bytes").number(), 0) << json::write(one);
  EXPECT_EQ(one.find("message"), nullptr) << json::write(one);
  EXPECT_EQ(all.at("stats").array()->at(1).find("cpu"), nullptr) << "it is stopped";
  EXPECT_EQ(answer(R"({"name":"web-2"})").at("stats").array()->size(), 1U);
  EXPECT_EQ(answer(R"({"after":"web-1"})").at("stats").array()->size(), 1U);
}

TEST_F(UsageQueryTest, WhatIsAskedWronglyIsToldAtOnce) {
  EXPECT_EQ(ask(R"({"name":"web-9"})").error().code, Code::not_found);
  EXPECT_EQ(ask(R"({"names":[]})").error().code, Code::invalid);
  EXPECT_EQ(ask("[]").error().code, Code::invalid);
}

TEST_F(UsageQueryTest, ManyAtOnceAreTurnedAwayAndTheOthersAnswered) {
  for (int i = 0; i < 32; ++i) {
    EXPECT_TRUE(ask("{}"));
  }
  EXPECT_EQ(ask("{}").error().code, Code::unavailable);
  while (answers_.size() < 32) {
    loop_->turn(std::chrono::seconds(60));
  }
  EXPECT_TRUE(ask("{}"));
}

TEST_F(UsageQueryTest, WhatIsAnsweredLaterGoesToWhoHasAsked) {
  Queries queries(*journal_, *supervisor_, *node_, *disk_);
  LogStreams streams(
      *loop_, *journal_, layout_,
      [](const LogStreams::Address&, std::string_view, json::Object, std::string, std::string) {});
  std::vector<messaging::Record> sent;
  InputStreams inputs(*loop_, *journal_, *node_, clock_,
                      [](const InputStreams::Address&, std::string_view, const json::Value&) {});
  Requests requests(
      *books_, *intake_, queries, streams, inputs,
      [&sent](const messaging::Record& record) { sent.push_back(record); }, answerers_.get());
  const auto ask_as = [&](const char* role, const char* kind, std::int64_t rq,
                          const std::string& body) {
    requests.handle({{{"kind", kind}, {"role", role}, {"peer", 7}, {"rq", rq}}, body, ""});
  };
  // Deeper than other questions may be, and with more bytes.
  const std::string spec = R"({"rootfs":"/srv","oci":{"a":{"b":{"c":{"d":{"e":{"f":{}}}}}}},)"
                           R"("labels":{"long":")" +
                           std::string(8192, 'x') + R"("}})";
  ask_as("observe", "query.stats", 1, "{}");
  ask_as("observe", "query.explain", 2, R"({"name":"web-1","spec":)" + spec + "}");
  ask_as("submit", "query.stats", 3, "{}");
  ask_as("observe", "query.stats", 4, R"({"name":"web-9"})");
  ASSERT_EQ(sent.size(), 2U) << "those that are refused";
  while (sent.size() < 4) {
    loop_->turn(std::chrono::seconds(60));
  }
  std::map<std::int64_t, std::string> kinds;
  for (const messaging::Record& record : sent) {
    const json::Value header(record.header);
    EXPECT_EQ(header.at("peer").integer_or(0), 7);
    kinds[header.at("rq").integer_or(0)] = header.at("kind").string_or("");
    if (header.at("rq").integer_or(0) == 2) {
      EXPECT_EQ(json::parse(record.body).value().at("runtimes").array()->size(), 4U);
    }
  }
  EXPECT_EQ(kinds, (std::map<std::int64_t, std::string>{
                       {1, "answer"}, {2, "answer"}, {3, "error"}, {4, "error"}}));
}

}  // namespace
}  // namespace drover::jobs
