#include "messaging/dispatch/campaigns/requests.h"

#include <gtest/gtest.h>

#include "fakes/temp_folder.h"
#include "messaging/dispatch/campaigns/job_news.h"
#include "messaging/dispatch/campaigns/sqlite_store.h"
#include "some_cluster.h"

namespace drover::dispatch {
namespace {

TEST(JobNewsTest, IsOfAnswersAndOfEvents) {
  const auto read = [](const char* text) { return json::parse(text).value(); };
  EXPECT_EQ(news_of_job(read(R"({"id":"j","state":"failed","error":{"message":"no"}})")),
            (JobNews{"j", "failed", "no"}));
  EXPECT_FALSE(news_of_job(read(R"({"id":"j","state":"dancing"})")));
  EXPECT_EQ(news_of_event(read(R"({"type":"drover.job.cancelled","subject":"j",
                                   "data":{"error":{"message":"unwanted"}}})")),
            (JobNews{"j", "cancelled", "unwanted"}));
  EXPECT_EQ(news_of_event(read(R"({"type":"drover.job.started","subject":"j","data":{}})")),
            (JobNews{"j", "running", ""}));
  for (const char* other : {"drover.job.progress", "drover.container.failed", ""}) {
    EXPECT_FALSE(news_of_event(json::Object{{"type", other}, {"subject", "j"}})) << other;
  }
}

TEST(Requests, AreAnsweredByTheirKind) {
  const fakes::TempFolder folder;
  const auto store = *SqliteStore::open(folder / "campaigns.db");
  SomeCluster cluster({"n1", "n2"});
  SomeDispatcher dispatcher(cluster, *store);
  DrainPorts ports;
  ports.facts = [](const std::string&) { return nullptr; };
  Drains drains(cluster.clock, ports);
  const auto ask = [&](const char* kind, const char* body) -> std::string {
    dispatcher.answers.clear();
    if (!take_request(dispatcher.campaigns(), drains, kind, json::parse(body).value(),
                      {"alice", "submit"}, dispatcher.answer())) {
      return "none of these";
    }
    dispatcher.pump();
    if (dispatcher.answers.size() != 1) {
      return "not answered once";
    }
    const Result<json::Value>& answer = dispatcher.answers[0];
    return answer ? json::write(*answer) : answer.error().message;
  };
  const auto has = [](const std::string& text, const char* part) {
    return text.find(part) != std::string::npos ? std::string(part) : text;
  };
  const char* const order = R"({"order":{"id":"a","items":[{"job":"j1","node":"n1"},
      {"job":"j2","node":"n1"}],"canary":{"items":1}},"jobs":[{"id":"j1"},{"id":"j2"}]})";
  EXPECT_EQ(has(ask("dispatch.batch", order), R"("by":"alice")"), R"("by":"alice")");
  EXPECT_EQ(has(ask("dispatch.batch", order), R"("duplicate":true)"), R"("duplicate":true)");
  EXPECT_EQ(has(ask("dispatch.batch", "{}"), "not accepted"), "not accepted");
  EXPECT_EQ(has(ask("dispatch.batches", "{}"), R"("batch":"a")"), R"("batch":"a")");
  EXPECT_EQ(has(ask("dispatch.batch.pause", R"({"id":"a"})"), R"("paused":true)"),
            R"("paused":true)");
  EXPECT_EQ(has(ask("dispatch.batch.resume", R"({"id":"a"})"), R"("paused":false)"),
            R"("paused":false)");
  EXPECT_EQ(has(ask("dispatch.batch.approve", R"({"id":"a"})"), "waits for no approval"),
            "waits for no approval");
  EXPECT_EQ(has(ask("dispatch.batch.show", R"({"id":"a","after":"j1"})"), R"("job":"j2")"),
            R"("job":"j2")");
  EXPECT_EQ(has(ask("dispatch.batch.abort", R"({"id":"a"})"), "it was aborted"), "it was aborted");
  EXPECT_EQ(has(ask("dispatch.batch.show", R"({"id":"b"})"), "there is none"), "there is none");
  EXPECT_EQ(has(ask("dispatch.drain", R"({"node":"n9"})"), "not known"), "not known");
  EXPECT_EQ(has(ask("dispatch.drain", R"({"node":"N 9"})"), "drain a node"), "drain a node");
  EXPECT_EQ(ask("dispatch.nodes", "{}"), "none of these");
}

}  // namespace
}  // namespace drover::dispatch
