#include "messaging/dispatch/batch.h"

#include <gtest/gtest.h>

#include "some_batch.h"

namespace drover::dispatch {
namespace {

TEST(Batch, BeginsAsManyAtOnceAsItMay) {
  Batch batch(some_order(5, 2));
  EXPECT_EQ(jobs_of(batch.start_next(0)), "j1 j2");
  EXPECT_EQ(jobs_of(batch.start_next(1)), "");
  batch.accepted("j1", "n1");  // takes its place still
  EXPECT_EQ(jobs_of(batch.start_next(2)), "");
  batch.succeeded("j2", 3);
  EXPECT_EQ(jobs_of(batch.start_next(3)), "j3");
  EXPECT_EQ(jobs_of(batch.in_flight()), "j1 j3");
  batch.succeeded("j1", 4);
  batch.succeeded("j3", 4);
  EXPECT_EQ(jobs_of(batch.start_next(4)), "j4 j5");
  batch.succeeded("j5", 5);
  EXPECT_EQ(batch.progress().outcome, "");
  batch.succeeded("j4", 6);
  const BatchProgress progress = batch.progress();
  EXPECT_EQ(progress.outcome, "done");
  EXPECT_EQ(progress.count(ItemState::succeeded), 5U);
  EXPECT_EQ(jobs_of(batch.start_next(7)), "");
}

TEST(Batch, WithTooManyFailuresNoMoreBeginsAndWhatGoesOnEnds) {
  BatchOrder order = some_order(6, 3);
  order.max_failures = {1, false};
  Batch batch(order);
  batch.start_next(0);
  batch.failed("j1", "no space", 1);
  EXPECT_EQ(jobs_of(batch.start_next(1)), "j4");  // one may fail
  batch.failed("j2", "no space", 2);
  EXPECT_EQ(jobs_of(batch.start_next(2)), "");
  EXPECT_EQ(batch.progress().outcome, "");
  EXPECT_EQ(batch.progress().why, "2 of 6 items failed; 1 are the most");
  batch.succeeded("j3", 3);
  batch.succeeded("j4", 3);
  const BatchProgress progress = batch.progress();
  EXPECT_EQ(progress.outcome, "failed");
  EXPECT_EQ(progress.count(ItemState::skipped), 2U);
  EXPECT_EQ(json::write(to_json(progress)),
            R"({"batch":"roll","phase":"ended","paused":false,"outcome":"failed",)"
            R"("why":"2 of 6 items failed; 1 are the most","items":{"waiting":0,"sent":0,)"
            R"("accepted":0,"succeeded":2,"failed":2,"lost":0,"skipped":2},"goes_on_at":null,)"
            R"("failures":[{"job":"j1","node":"n1","message":"no space"},)"
            R"({"job":"j2","node":"n2","message":"no space"}]})");
}

TEST(Batch, FailuresWithinTheLimitEndItAsDone) {
  BatchOrder order = some_order(10, 10);
  order.max_failures = {20, true};
  Batch batch(order);
  EXPECT_EQ(batch.start_next(0).size(), 10U);
  for (std::size_t i = 0; i < 10; ++i) {
    const std::string job = order.items[i].job;
    i < 2 ? batch.failed(job, "x", 1) : batch.succeeded(job, 1);
  }
  EXPECT_EQ(batch.progress().outcome, "done");
  EXPECT_EQ(batch.progress().count(ItemState::failed), 2U);
}

TEST(Batch, TheCanaryGoesAloneAndThenWaitsForApproval) {
  BatchOrder order = some_order(5, 3);
  order.canary = {2, std::nullopt};
  Batch batch(order);
  EXPECT_EQ(jobs_of(batch.start_next(0)), "j1 j2");  // though three at once might go
  batch.succeeded("j1", 1);
  EXPECT_EQ(jobs_of(batch.start_next(1)), "");
  EXPECT_EQ(batch.approve().error().message,
            "approve batch roll: it waits for no approval, its phase is canary");
  batch.succeeded("j2", 2);
  EXPECT_EQ(batch.phase(), BatchPhase::canary_wait);
  EXPECT_EQ(jobs_of(batch.start_next(1'000'000'000)), "");
  EXPECT_EQ(batch.goes_on_at_unix_ms(), std::nullopt);
  EXPECT_EQ(batch.progress().why, "its canary succeeded; it goes on when approved");
  ASSERT_TRUE(batch.approve());
  EXPECT_EQ(jobs_of(batch.start_next(3)), "j3 j4 j5");
}

TEST(Batch, TheCanaryWaitsForATimeOrUntilApproved) {
  BatchOrder order = some_order(3, 1);
  order.canary = {1, 60};
  Batch batch(order);
  batch.start_next(1000);
  batch.succeeded("j1", 5000);
  EXPECT_EQ(batch.goes_on_at_unix_ms(), 65'000);
  EXPECT_EQ(jobs_of(batch.start_next(64'999)), "");
  Batch approved = batch;
  EXPECT_EQ(jobs_of(batch.start_next(65'000)), "j2");
  ASSERT_TRUE(approved.approve());
  EXPECT_EQ(jobs_of(approved.start_next(5001)), "j2");
}

TEST(Batch, AClockSetBackDoesNotMakeTheCanaryWaitForLongerThanItShould) {
  BatchOrder order = some_order(2, 1);
  order.canary = {1, 60};
  Batch batch(order);
  batch.start_next(0);
  batch.succeeded("j1", 1'000'000'000);
  EXPECT_EQ(jobs_of(batch.start_next(50'000)), "");
  EXPECT_EQ(batch.goes_on_at_unix_ms(), 110'000);
  EXPECT_EQ(jobs_of(batch.start_next(110'000)), "j2");
}

TEST(Batch, OneCanaryThatFailsOrIsLostEndsItWhateverTheLimit) {
  for (const bool lost : {false, true}) {
    BatchOrder order = some_order(4, 2);
    order.max_failures = {100, true};
    order.canary = {2, 0};
    Batch batch(order);
    batch.start_next(0);
    if (lost) {
      batch.node_lost("n1", 1);
    } else {
      batch.failed("j1", "bad image", 1);
    }
    EXPECT_EQ(batch.progress().outcome, "");  // the other one goes on
    batch.succeeded("j2", 2);
    EXPECT_EQ(batch.progress().outcome, "failed");
    EXPECT_EQ(batch.progress().why, "an item of its canary did not succeed");
    EXPECT_EQ(batch.progress().count(ItemState::skipped), 2U);
  }
}

TEST(Batch, ACanaryAsLargeAsTheBatchWaitsForNobody) {
  for (const std::size_t items : {2U, 9U}) {
    BatchOrder order = some_order(2, 2);
    order.canary = {items, std::nullopt};
    Batch batch(order);
    EXPECT_EQ(jobs_of(batch.start_next(0)), "j1 j2");
    batch.succeeded("j1", 1);
    batch.succeeded("j2", 1);
    EXPECT_EQ(batch.progress().outcome, "done");
  }
}

TEST(Batch, PausedItBeginsNothingAndWhatGoesOnGoesOn) {
  Batch batch(some_order(4, 2));
  EXPECT_EQ(batch.resume().error().code, Code::conflict);
  batch.start_next(0);
  ASSERT_TRUE(batch.pause());
  ASSERT_TRUE(batch.pause());
  batch.succeeded("j1", 1);
  batch.succeeded("j2", 1);
  EXPECT_EQ(jobs_of(batch.start_next(2)), "");
  EXPECT_EQ(batch.progress().why, "it is paused");
  EXPECT_EQ(batch.progress().outcome, "");
  ASSERT_TRUE(batch.resume());
  EXPECT_EQ(jobs_of(batch.start_next(3)), "j3 j4");
  ASSERT_TRUE(batch.pause());  // also while the last ones go on
  batch.succeeded("j3", 4);
  batch.succeeded("j4", 4);
  EXPECT_EQ(batch.progress().outcome, "done");
  EXPECT_FALSE(batch.progress().paused);
}

TEST(Batch, AbortedItEndsWhenWhatGoesOnHasEnded) {
  Batch batch(some_order(4, 2));
  batch.start_next(0);
  batch.accepted("j1", "n1");
  ASSERT_TRUE(batch.pause());
  ASSERT_TRUE(batch.abort(1));
  EXPECT_EQ(batch.abort(1).error().message, "abort batch roll: it was aborted");
  EXPECT_FALSE(batch.pause());
  EXPECT_FALSE(batch.resume());
  EXPECT_EQ(jobs_of(batch.in_flight()), "j1 j2");  // what is to be cancelled, if it is
  EXPECT_EQ(jobs_of(batch.start_next(2)), "");
  batch.failed("j2", "cancelled", 2);
  batch.succeeded("j1", 2);
  EXPECT_EQ(batch.progress().outcome, "aborted");
  EXPECT_EQ(batch.abort(3).error().message, "abort batch roll: it has ended");

  Batch early(some_order(2, 1));
  ASSERT_TRUE(early.abort(0));
  EXPECT_EQ(early.progress().outcome, "aborted");
  EXPECT_EQ(early.progress().count(ItemState::skipped), 2U);
}

TEST(Batch, ALostNodesItemsCountAsFailedUntilMoreIsKnown) {
  BatchOrder order = some_order(6, 2);
  order.items[1].node = "n1";
  order.max_failures = {2, false};
  Batch batch(order);
  batch.start_next(0);
  batch.accepted("j1", "n1");
  batch.node_lost("n1", 1);
  batch.node_lost("n1", 1);
  EXPECT_EQ(batch.progress().count(ItemState::lost), 2U);
  EXPECT_EQ(batch.progress().failures.at(0).message,
            "node n1 was lost; how the job ended is not known");
  EXPECT_EQ(jobs_of(batch.start_next(1)), "j3 j4");
  batch.accepted("j1", "n1");  // the node is back, and its job goes on
  batch.succeeded("j2", 2);    // this one had ended meanwhile
  EXPECT_EQ(batch.progress().count(ItemState::lost), 0U);
  EXPECT_TRUE(batch.progress().failures.empty());
  EXPECT_EQ(jobs_of(batch.in_flight()), "j1 j3 j4");
  EXPECT_EQ(jobs_of(batch.start_next(2)), "");
}

TEST(Batch, AnItemWithoutANodeHasTheOneThatAcceptedIt) {
  BatchOrder order = some_order(2, 2);
  order.items[0].node = "";
  Batch batch(order);
  EXPECT_EQ(batch.start_next(0).at(0).node, "");
  batch.node_lost("n7", 1);  // nobody is known to be there
  batch.accepted("j1", "n7");
  EXPECT_EQ(batch.in_flight().at(0).node, "n7");
  batch.node_lost("n7", 2);
  EXPECT_EQ(batch.state_of(0), ItemState::lost);
}

TEST(Batch, WhatIsToldTwiceOrLateOrOfOthersChangesNothing) {
  BatchOrder order = some_order(3, 1);
  order.max_failures = {3, false};
  Batch batch(order);
  batch.succeeded("j1", 0);  // never sent
  batch.accepted("j9", "n9");
  batch.start_next(0);
  batch.succeeded("j1", 1);
  batch.failed("j1", "late", 2);
  batch.accepted("j1", "n1");
  batch.node_lost("n1", 2);
  EXPECT_EQ(batch.progress().count(ItemState::succeeded), 1U);
  EXPECT_EQ(batch.progress().count(ItemState::waiting), 2U);
  EXPECT_EQ(jobs_of(batch.start_next(3)), "j2");
}

TEST(Batch, WhereAnItemWasPlacedIsKnownBeforeItsNodeHasSaidAnything) {
  BatchOrder order = some_order(2, 2);
  order.items[0].node = "";
  Batch batch(order);
  batch.placed("j1", "n8");
  EXPECT_EQ(batch.placed_item(0).node, "") << "it has not begun";
  batch.start_next(0);
  batch.placed("j1", "n8");
  batch.placed("j2", "n8");
  EXPECT_EQ(batch.in_flight(), (std::vector<BatchItem>{{"j1", "n8"}, {"j2", "n2"}}));
  batch.placed("j1", "");  // refused there
  EXPECT_EQ(batch.placed_item(0).node, "");
  batch.placed("j1", "n9");
  batch.accepted("j1", "n9");
  batch.placed("j1", "n7");
  EXPECT_EQ(batch.placed_item(0).node, "n9") << "it is there for good";
  batch.lost("j1", 1);
  EXPECT_EQ(batch.items_in(ItemState::lost), (std::vector<BatchItem>{{"j1", "n9"}}));
  EXPECT_NE(batch.message_of(0).find("n9 was lost"), std::string::npos);
}

TEST(Batch, MessagesHaveABoundAndAreText) {
  BatchOrder order = some_order(200, 200);
  order.max_failures = {100, true};
  Batch batch(order);
  batch.start_next(0);
  for (const BatchItem& item : order.items) {
    batch.failed(item.job, std::string(255, 'x') + "\xc3\xbc", 1);
  }
  const BatchProgress progress = batch.progress();
  EXPECT_EQ(progress.failures.size(), 100U);
  EXPECT_EQ(progress.failures.at(0).message, std::string(255, 'x') + "\xef\xbf\xbd");
  EXPECT_EQ(progress.count(ItemState::failed), 200U);
}

}  // namespace
}  // namespace drover::dispatch
