#include "messaging/dispatch/campaigns/store_thread.h"

#include <gtest/gtest.h>
#include <poll.h>

#include "fakes/temp_folder.h"
#include "messaging/dispatch/campaigns/sqlite_store.h"

namespace drover::dispatch {
namespace {

TEST(StoreThread, WorksElsewhereAndDeliversHereInOrder) {
  const fakes::TempFolder folder;
  const auto store = *SqliteStore::open(folder / "campaigns.db");
  StoreThread thread(*store);
  const std::thread::id here = std::this_thread::get_id();
  std::vector<int> delivered;
  for (int i = 0; i < 3; ++i) {
    thread.give([&, i](CampaignStore& its) -> std::function<void()> {
      EXPECT_NE(std::this_thread::get_id(), here);
      const bool good = its.create({"c" + std::to_string(i), "o", {{0, "{}"}}}).has_value();
      return [&, i, good] {
        EXPECT_EQ(std::this_thread::get_id(), here);
        EXPECT_TRUE(good);
        delivered.push_back(i);
      };
    });
  }
  while (delivered.size() < 3) {
    pollfd ready{thread.fd(), POLLIN, 0};
    ASSERT_GT(poll(&ready, 1, 30'000), 0);
    thread.deliver();
  }
  EXPECT_EQ(delivered, (std::vector<int>{0, 1, 2}));
}

}  // namespace
}  // namespace drover::dispatch
