// What a key of the allow list may touch, and how much of it at once.
#include <gmock/gmock.h>

#include "agent/jobs/key_rates.h"
#include "agent/jobs/key_reach.h"
#include "node_fixture.h"

namespace drover::jobs {
namespace {

using testing::HasSubstr;

class KeyBounds : public NodeFixture {
 protected:
  static AllowedKey key(const std::string& more) {
    const std::string text =
        R"({"keys":[{"name":"ci","key":"Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID","roles":["admin"])" +
        (more.empty() ? more : "," + more) + "}]}";
    return AllowList::parse(text).value().keys().at(0);
  }
  Answer send(const AllowedKey& sender, const json::Object& request) {
    Answer answer;
    intake_->submit(
        json::write(request),
        [&](std::string_view kind, const std::string& text) {
          answer = {std::string(kind), json::parse(text).value()};
        },
        &sender);
    books_->commit();
    return answer;
  }
  void expect_refused(const AllowedKey& sender, const json::Object& request,
                      const std::string& why) {
    const Answer answer = send(sender, request);
    EXPECT_EQ(answer.body.at("code").string_or(""), "refused") << json::write(request);
    EXPECT_THAT(std::string(answer.body.at("message").string_or("")), HasSubstr(why));
  }
  void expect_taken(const AllowedKey& sender, const json::Object& request) {
    const Answer answer = send(sender, request);
    EXPECT_EQ(answer.kind, "job.accepted") << json::write(answer.body);
    await(std::string(request.find("id")->string_or("")));
  }
  json::Object labelled(json::Object request, const std::string& team) {
    request.find("spec")->object()->set("labels", json::Object{{"team", team}});
    return request;
  }
  json::Object standing(const std::string& id, const std::string& name, const std::string& from) {
    json::Object request = run_job(id, name);
    request.find("spec")->object()->set(
        "volumes",
        json::Array{json::Object{{"name", "data"}, {"target", "/data"}, {"from", from}}});
    return request;
  }
};

TEST_F(KeyBounds, AKeyWithNamesTouchesNothingElse) {
  const AllowedKey web = key(R"("names":["web-*"])");
  expect_taken(web, run_job("j1", "web-1"));
  ASSERT_EQ(run(run_job("j2", "db-1")).state, JobState::succeeded);
  expect_refused(web, run_job("j3", "db-2"), "key ci may not touch container db-2");
  for (const char* const verb : {"container.stop", "container.delete", "container.restart"}) {
    expect_refused(web, job("j4", verb, "db-1"), "container db-1");
  }
  expect_refused(web, job("j5", "volume.create", "db-data"), "volume db-data");
  expect_refused(web, job("j6", "network.remove", "apps"), "network apps");
  expect_refused(web, standing("j7", "web-2", "db-data"), "volume db-data");
  json::Object copy = run_job("j8", "web-3");
  copy.find("spec")->object()->erase("rootfs");
  copy.find("spec")->object()->set("image", "container:db-1");
  expect_refused(web, copy, "container db-1");
  expect_taken(web, job("j9", "container.stop", "web-1"));
}

TEST_F(KeyBounds, NorDoesItCancelOthersJobsOrLearnWhatTheyWere) {
  const AllowedKey web = key(R"("names":["web-*"])");
  ASSERT_EQ(run(run_job("j1", "db-1")).state, JobState::succeeded);
  expect_refused(web, job("j2", "job.cancel", "j1"), "container db-1");
  expect_refused(web, run_job("j1", "db-1"), "container db-1");
  EXPECT_FALSE(check_reach(web, *journal_, json::parse(R"({"of":"job.log","id":"j1"})").value()));
  EXPECT_FALSE(check_reach(web, *journal_, json::parse(R"({"name":"db-1"})").value()));
  EXPECT_TRUE(check_reach(web, *journal_, json::parse(R"({"name":"web-1"})").value()));
  EXPECT_TRUE(check_reach(key(""), *journal_, json::parse(R"({"name":"db-1"})").value()));
}

TEST_F(KeyBounds, AKeyWithLabelsTouchesContainersThatHaveThem) {
  const AllowedKey team = key(R"("labels":{"team":"w*"})");
  expect_refused(team, run_job("j1", "web-1"), "labelled team=w*");
  expect_refused(team, labelled(run_job("j1", "web-1"), "db"), "labelled team=w*");
  expect_taken(team, labelled(run_job("j1", "web-1"), "web"));
  expect_taken(team, job("j2", "container.stop", "web-1"));
  ASSERT_EQ(run(labelled(run_job("j3", "db-1"), "db")).state, JobState::succeeded);
  expect_refused(team, job("j4", "container.stop", "db-1"), "container db-1");
  EXPECT_EQ(send(team, job("j5", "container.stop", "nobody")).body.at("code").string_or(""),
            send(key(""), job("j6", "container.stop", "nobody")).body.at("code").string_or(""));
}

TEST_F(KeyBounds, MoreThanItMaySendASecondIsBusyAndASecondSendingIsNoneOfThem) {
  const AllowedKey slow = key(R"("limits":{"jobs_per_second":2})");
  expect_taken(slow, run_job("j1", "web-1"));
  expect_taken(slow, job("j2", "container.stop", "web-1"));
  const Answer busy = send(slow, job("j3", "container.start", "web-1"));
  EXPECT_EQ(busy.kind, "busy");
  EXPECT_EQ(busy.body.at("retry_after_ms").integer_or(0), 500);
  EXPECT_EQ(send(slow, job("j2", "container.stop", "web-1")).body.at("duplicate"),
            json::Value(true));
  clock_.advance(std::chrono::milliseconds(500));
  expect_taken(slow, job("j3", "container.start", "web-1"));
}

TEST_F(KeyBounds, MoreThanItMayHaveWaitingIsBusyAndOthersAreNot) {
  const AllowedKey few = key(R"("limits":{"queued":1})");
  EXPECT_EQ(send(few, run_job("j1", "web-1")).kind, "job.accepted");
  EXPECT_EQ(send(few, run_job("j2", "web-2")).kind, "busy");
  EXPECT_EQ(send(few, job("j3", "job.cancel", "j1")).kind, "job.accepted");
  EXPECT_EQ(submit(run_job("j4", "web-4")).kind, "job.accepted") << "it is the node's own client's";
  for (const char* const id : {"j1", "j3", "j4"}) {
    await(id);
  }
  expect_taken(few, run_job("j2", "web-2"));
}

TEST_F(KeyBounds, RatesAreEachKeysOwnAndGrowToASecondsWorth) {
  KeyRates rates(clock_);
  const AllowedKey fast = key(R"("limits":{"jobs_per_second":10})");
  const AllowedKey free = key("");
  for (int hour = 0; hour < 2; ++hour) {
    for (int one = 0; one < 10; ++one) {
      EXPECT_FALSE(rates.take(fast));
    }
    EXPECT_EQ(rates.take(fast), std::chrono::milliseconds(100));
    EXPECT_FALSE(rates.take(free));
    clock_.advance(std::chrono::hours(1));
  }
}

}  // namespace
}  // namespace drover::jobs
