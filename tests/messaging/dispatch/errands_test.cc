#include "messaging/dispatch/daemon/errands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <array>
#include <functional>
#include <memory>
#include <string>

#include "fakes/temp_folder.h"
#include "messaging/dispatch/campaigns/sqlite_store.h"
#include "some_dispatcher.h"

namespace drover::dispatch {
namespace {

using testing::Contains;

class ErrandsTest : public DispatcherTest {
 protected:
  void SetUp() override { keep(); }
  void keep() {
    auto store = SqliteStore::open(folder_.path() / "campaigns.db");
    ASSERT_TRUE(store) << store.error().message;
    errands_ = &dispatcher_->keep(*std::move(store));
    hello_both();
    // Until what is there was read, it is too early for anything else.
    until([&] {
      ask("dispatch.batch.show", 70, {}, json::Object{{"id", "none"}});
      return told().body.at("code").string_or("") == "not_found";
    });
  }
  /// As a dispatcher that was killed, and begun anew.
  void begin_anew() {
    errands_ = nullptr;
    dispatcher_.emplace("d1", kOwn, post_, clock_);
    post_.agents.clear();
    keep();
  }
  /// The store is waited for in a thread of its own, seconds go by, and both nodes live.
  void until(const std::function<bool()>& is_so) {
    for (int i = 0; i < 600 && !is_so(); ++i) {
      pollfd ready{errands_->fd(), POLLIN, 0};
      if (poll(&ready, 1, 50) > 0) {
        errands_->deliver();
      } else {
        clock_.advance(std::chrono::seconds(1));
        beat("pve1", 1, seq_[0]);
        beat("pve2", 2, seq_[1]);
        pass(1);
      }
    }
    ASSERT_TRUE(is_so());
  }
  void hello_both() {
    hello("pve1", 1);
    hello("pve2", 2);
    seq_[0] = seq_[1] = 1;
  }
  json::Value order(const std::string& id) const {
    json::Array items;
    json::Array jobs;
    for (const auto& [job, node] :
         {std::pair("b-1", "pve1"), std::pair("b-2", "pve2"), std::pair("b-3", "pve1")}) {
      items.push_back(json::Object{{"job", job}, {"node", node}});
      jobs.push_back(json::Object{{"id", job}, {"verb", "container.stop"}, {"target", "web"}});
    }
    return json::Object{{"order", json::Object{{"id", id}, {"items", std::move(items)}}},
                        {"jobs", std::move(jobs)},
                        {"needs", json::Object()}};
  }
  /// How many times the job was sent to the node.
  std::size_t sent(std::uint64_t connection, const std::string& job) {
    std::size_t times = 0;
    for (const Asked& asked : post_.agents[connection]) {
      times += asked.letter.body.at("id").string_or("") == job &&
                       asked.letter.header.kind == "job.submit"
                   ? 1
                   : 0;
    }
    return times;
  }
  void succeed(int node, const std::string& job) {
    const auto connection = static_cast<std::uint64_t>(node);
    const std::string name = "pve" + std::to_string(node);
    answer(name, connection, "job.accepted", json::Object{{"id", job}, {"state", "queued"}});
    tell(name, connection, ++seq_.at(connection - 1), "job", job, "succeeded", {{"target", "web"}});
  }
  json::Value progress(const std::string& id) {
    ask("dispatch.batch.show", 77, {}, json::Object{{"id", id}});
    return told().body.at("batch");
  }

  fakes::TempFolder folder_;
  Errands* errands_ = nullptr;
  std::array<std::uint64_t, 2> seq_{1, 1};
};

TEST_F(ErrandsTest, ABatchIsDrivenToItsEnd) {
  ask("dispatch.batch", 1, {}, order("roll"), KeyRole::submit);
  until([&] { return sent(1, "b-1") == 1; });
  EXPECT_EQ(sent(2, "b-2"), 0U) << "one at once";
  EXPECT_EQ(post_.agents[1].back().envelope, (messaging::Envelope{kOwn, "alice", KeyRole::submit}));
  succeed(1, "b-1");
  until([&] { return sent(2, "b-2") == 1; });
  succeed(2, "b-2");
  until([&] { return sent(1, "b-3") == 1; });
  succeed(1, "b-3");
  until([&] { return progress("roll").at("outcome").string_or("") == "done"; });
  EXPECT_THAT(post_.topics, Contains("d1.batch.roll."));
}

TEST_F(ErrandsTest, AnotherProcessGoesOnWithABatch) {
  ask("dispatch.batch", 1, {}, order("roll"), KeyRole::submit);
  until([&] { return sent(1, "b-1") == 1; });
  begin_anew();
  until([&] { return sent(1, "b-1") == 1; });  // by its id it is done once
  succeed(1, "b-1");
  until([&] { return sent(2, "b-2") == 1; });
}

TEST_F(ErrandsTest, ABatchThatIsPausedBeginsNothingAndOneThatIsAbortedEnds) {
  ask("dispatch.batch", 1, {}, order("roll"), KeyRole::submit);
  until([&] { return sent(1, "b-1") == 1; });
  ask("dispatch.batch.pause", 2, {}, json::Object{{"id", "roll"}}, KeyRole::submit);
  until([&] { return told().header.rq == 2; });
  succeed(1, "b-1");
  until([&] { return progress("roll").at("items").at("succeeded").integer_or(0) == 1; });
  EXPECT_EQ(sent(2, "b-2"), 0U);
  ask("dispatch.batch.abort", 3, {}, json::Object{{"id", "roll"}}, KeyRole::submit);
  until([&] { return progress("roll").at("outcome").string_or("") == "aborted"; });
}

TEST_F(ErrandsTest, WhoMayOnlyObserveOrdersNone) {
  ask("dispatch.batch", 1, {}, order("roll"), KeyRole::observe);
  EXPECT_EQ(told().body.at("code").string_or(""), "refused");
  ask("dispatch.drain", 2, {}, json::Object{{"node", "pve1"}}, KeyRole::submit);
  EXPECT_EQ(told().body.at("code").string_or(""), "refused");
}

TEST_F(ErrandsTest, WithoutAStoreItSaysSo) {
  dispatcher_.emplace("d1", kOwn, post_, clock_);
  ask("dispatch.batches", 1, {}, json::Object());
  EXPECT_EQ(told().body.at("code").string_or(""), "unavailable");
}

}  // namespace
}  // namespace drover::dispatch
