#include "agent/system/worker_pool.h"

#include <gtest/gtest.h>

#include <latch>
#include <memory>
#include <set>

namespace drover::system {
namespace {

TEST(WorkerPoolTest, OneThreadDoesTasksInTheirOrder) {
  std::vector<int> done;
  std::latch all(100);
  WorkerPool<int> pool(1, [&](int task) {
    done.push_back(task);
    all.count_down();
  });
  for (int i = 0; i < 100; ++i) {
    pool.give(i);
  }
  all.wait();
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(done.at(static_cast<std::size_t>(i)), i);
  }
}

TEST(WorkerPoolTest, AsManyTasksRunAtOnceAsThereAreThreads) {
  // Each waits for the others: fewer threads would never end.
  std::latch together(3);
  std::latch all(3);
  WorkerPool<int> pool(3, [&](int) {
    together.arrive_and_wait();
    all.count_down();
  });
  for (int i = 0; i < 3; ++i) {
    pool.give(i);
  }
  all.wait();
}

TEST(WorkerPoolTest, ThereAreNoMoreThreadsThanTasksUnfinished) {
  std::mutex mutex;
  std::set<std::thread::id> threads;
  WorkerPool<std::latch*> pool(8, [&](std::latch* done) {
    const std::lock_guard lock(mutex);
    threads.insert(std::this_thread::get_id());
    done->count_down();
  });
  for (int i = 0; i < 100; ++i) {
    std::latch done(1);
    pool.give(&done, 1);
    done.wait();
  }
  pool.close();
  pool.join();
  EXPECT_EQ(threads.size(), 1U);
}

TEST(WorkerPoolTest, ClosingDropsWhatWaitsAndLetsGoOnWhatRuns) {
  std::set<int> done;
  std::latch begun(1);
  std::latch go_on(1);
  WorkerPool<int> pool(1, [&](int task) {
    begun.count_down();
    go_on.wait();
    done.insert(task);
  });
  pool.give(1);
  begun.wait();
  pool.give(2);
  pool.close();
  pool.give(3);
  go_on.count_down();
  pool.join();
  EXPECT_EQ(done, std::set<int>{1});
}

TEST(WorkerPoolTest, LosesNoTaskOfManyGivers) {
  constexpr int kGivers = 4;
  constexpr int kEach = 2000;
  std::mutex mutex;
  std::multiset<int> done;
  std::latch all(kGivers * kEach);
  WorkerPool<int> pool(4, [&](int task) {
    {
      const std::lock_guard lock(mutex);
      done.insert(task);
    }
    all.count_down();
  });
  std::vector<std::thread> givers;
  for (int g = 0; g < kGivers; ++g) {
    givers.emplace_back([&pool] {
      for (int i = 0; i < kEach; ++i) {
        pool.give(i);
      }
    });
  }
  for (std::thread& giver : givers) {
    giver.join();
  }
  all.wait();
  for (int i = 0; i < kEach; ++i) {
    EXPECT_EQ(done.count(i), static_cast<std::size_t>(kGivers)) << i;
  }
}

}  // namespace
}  // namespace drover::system
