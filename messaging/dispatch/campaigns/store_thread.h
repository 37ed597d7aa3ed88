// StoreThread: the one thread on which a store of campaigns is waited for.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "agent/system/inbox.h"
#include "agent/system/worker_pool.h"
#include "messaging/dispatch/campaigns/campaign_store.h"

namespace drover::dispatch {

/// Belongs to the loop's thread. Whoever has it ends the store's waits (its Stop) and then it,
/// before anything goes that the works touch: what was not begun is dropped, and of what was done
/// nothing more is delivered.
class StoreThread {
 public:
  /// `store` outlives it.
  explicit StoreThread(CampaignStore& store)
      : thread_(1, [this, &store](const StoreWork& work) { done_.post(work(store)); }) {}

  /// Works are done in the order they are given.
  void give(StoreWork work) { thread_.give(std::move(work)); }
  /// Readable while `deliver` has something to do.
  int fd() const { return done_.fd(); }
  void deliver() {
    for (const std::function<void()>& then : done_.take()) {
      then();
    }
  }

 private:
  system::Inbox<std::function<void()>> done_;
  system::WorkerPool<StoreWork> thread_;  // last, so that it ends first
};

}  // namespace drover::dispatch
