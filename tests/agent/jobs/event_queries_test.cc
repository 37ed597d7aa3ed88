// What "query.events" answers: by position, kind and name.
#include <algorithm>

#include "agent/jobs/queries/queries.h"
#include "node_fixture.h"

namespace drover::jobs {
namespace {

class EventQueries : public NodeFixture {
 protected:
  json::Value answer(std::string_view kind, const std::string& body) {
    Queries queries(*journal_, *supervisor_, *node_, *disk_);
    const Result<json::Value> found = queries.answer(kind, json::parse(body).value());
    EXPECT_TRUE(found) << found.error().message;
    return found.value_or(json::Value());
  }
};

TEST_F(EventQueries, BehindANumberOfAnotherEpochThereAreNoEvents) {
  run(run_job("j1", "web-1"));
  const json::Value page = answer("query.events", R"({"after":1,"epoch":"the one before"})");
  EXPECT_EQ(page.at("epoch").string_or(""), journal_->epoch());
  EXPECT_EQ(page.at("events").array()->size(), 0U);
  const json::Value same =
      answer("query.events", json::write(json::Object{{"after", 1}, {"epoch", journal_->epoch()}}));
  EXPECT_EQ(same.at("events").array()->size(), published_.size() - 1);
}

TEST_F(EventQueries, EventsAreAskedForByKindAndName) {
  run(run_job("j1", "web-1"));
  run(run_job("j2", "db-1"));
  const auto wanted = [](const Event& event) {
    return event.kind == "container" && event.object == "web-1";
  };
  const auto count = std::count_if(published_.begin(), published_.end(), wanted);
  ASSERT_GT(count, 1);
  const json::Value page = answer("query.events", R"({"kinds":["container"],"object":"web-*"})");
  EXPECT_EQ(page.at("events").array()->size(), static_cast<std::size_t>(count));
  for (const json::Value& event : *page.at("events").array()) {
    EXPECT_EQ(event.at("subject").string_or(""), "web-1");
  }
  EXPECT_EQ(page.at("through"), page.at("head"));
  const auto last = std::find_if(published_.rbegin(), published_.rend(),
                                 [](const Event& event) { return event.kind == "job"; });
  EXPECT_EQ(page.at("kinds").at("job").integer_or(0), static_cast<std::int64_t>(last->kseq));
  // One of several: there may be more behind it.
  const json::Value one =
      answer("query.events", R"({"kinds":["container"],"object":"web-*","most":1})");
  ASSERT_EQ(one.at("events").array()->size(), 1U);
  EXPECT_EQ(one.at("through"), one.at("events").array()->at(0).at("seq"));
}

}  // namespace
}  // namespace drover::jobs
