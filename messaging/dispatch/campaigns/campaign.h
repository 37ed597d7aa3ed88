// One batch as Campaigns has it in hand. Private to campaigns*.cc.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "messaging/dispatch/campaigns/campaigns.h"
#include "messaging/dispatch/campaigns/progress_pieces.h"

namespace drover::dispatch {

/// An item that has begun and has not ended.
struct Campaigns::Flight {
  enum class Step {
    placing,   ///< it has no node yet
    placed,    ///< it has, and that is not written down
    written,   ///< it may be sent
    sent,      ///< its node has not said anything
    accepted,  ///< its node has it, or is asked whether it has
  };
  std::size_t item = 0;
  std::string node{};
  Step step = Step::placing;
  bool may_be_there = false;   ///< another dispatcher may have sent it
  system::Instant since{};     ///< it has begun, or was taken over
  system::Instant tried_at{};  ///< placed, sent or asked for, the last time
  std::map<std::string, std::string> refusals{};
};

struct Campaigns::Campaign {
  Campaign(CampaignOrder ordered, Batch its) : order(std::move(ordered)), batch(std::move(its)) {}

  CampaignOrder order;
  Batch batch;
  std::size_t bytes = 0;
  bool creating = false;  ///< it is in no store yet
  bool writing = false;   ///< the store has been given something of it
  bool failed = false;    ///< that did not work: it is tried again at the next tick
  bool cancel = false;    ///< what is in flight is unwanted
  bool told_end = false;
  bool touched = true;                     ///< it may not be as it is written down
  std::optional<std::int64_t> ended_at{};  ///< unix ms
  Pieces written{};
  std::map<std::string, Flight> flights{};  ///< by job
  std::vector<Answer> waiting{};            ///< to be answered with the next write

  bool has_ended() const { return batch.phase() == BatchPhase::ended; }
  /// Nodes may still tell something of its jobs.
  bool is_open() const { return !has_ended() || batch.progress().count(ItemState::lost) != 0; }
  json::Object answer() const;
  Pieces pieces() const;
};

}  // namespace drover::dispatch
