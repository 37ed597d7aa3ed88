#include "messaging/dispatch/campaigns/campaigns.h"

#include <algorithm>
#include <utility>

#include "messaging/dispatch/campaigns/campaign.h"

namespace drover::dispatch {
namespace {

/// How often what others have left is looked for, and the claim is renewed if it is time.
constexpr std::chrono::seconds kTakeEvery{2};
/// Beside its text: what is known of each item.
constexpr std::size_t kBytesAnItem = 256;
/// Who wait for one write.
constexpr std::size_t kMostWaiting = 100;

}  // namespace

Campaigns::Campaigns(system::Clock& clock, CampaignPorts ports, CampaignLimits limits)
    : clock_(clock), ports_(std::move(ports)), limits_(limits), taken_at_(clock.now()) {
  take_when_idle();
}

Campaigns::~Campaigns() = default;

Campaigns::Campaign* Campaigns::find(const std::string& id) {
  const auto found = campaigns_.find(id);
  return found == campaigns_.end() ? nullptr : found->second.get();
}

Campaigns::Campaign* Campaigns::of_job(const std::string& job) {
  const auto found = campaign_of_.find(job);
  return found == campaign_of_.end() ? nullptr : find(found->second);
}

const Campaigns::Campaign* Campaigns::find(const std::string& id) const {
  const auto found = campaigns_.find(id);
  return found == campaigns_.end() ? nullptr : found->second.get();
}

Error Campaigns::why_none(const std::string& id) const {
  if (!ready_) {
    return {Code::unavailable,
            fmt::format("batch {}: the batches are not read yet; try again", id),
            {}};
  }
  if (const auto other = elsewhere_.find(id); other != elsewhere_.end()) {
    return {Code::unavailable,
            fmt::format("batch {} is driven by dispatcher {}; ask that one", id, other->second),
            {}};
  }
  return {Code::not_found,
          fmt::format("batch {}: there is none of that id, or it was forgotten", id),
          {}};
}

void Campaigns::index(const Campaign& campaign) {
  const std::string& id = campaign.order.batch.id;
  if (!campaign.has_ended()) {
    for (const BatchItem& item : campaign.order.batch.items) {
      campaign_of_[item.job] = id;
    }
    return;
  }
  for (const BatchItem& item : campaign.batch.items_in(ItemState::lost)) {
    campaign_of_[item.job] = id;
  }
}

void Campaigns::unindex(const Campaign& campaign) {
  for (const BatchItem& item : campaign.order.batch.items) {
    const auto job = campaign_of_.find(item.job);
    if (job != campaign_of_.end() && job->second == campaign.order.batch.id) {
      campaign_of_.erase(job);
    }
  }
}

void Campaigns::drop(const std::string& id) {
  if (const auto found = campaigns_.find(id); found != campaigns_.end()) {
    unindex(*found->second);
    campaigns_.erase(found);
  }
}

Result<> Campaigns::check_room(const CampaignOrder& order, std::size_t bytes) {
  const std::string& id = order.batch.id;
  if (bytes > kMostCampaignBytes) {
    return fail(Code::invalid, "batch {}: it has {} bytes; {} are the most", id, bytes,
                kMostCampaignBytes);
  }
  for (const BatchItem& item : order.batch.items) {
    if (const auto other = campaign_of_.find(item.job); other != campaign_of_.end()) {
      return fail(Code::conflict, "batch {}: its job {} is one of batch {}", id, item.job,
                  other->second);
    }
  }
  std::size_t running = 0;
  std::size_t held = 0;  // by those that cannot be forgotten for it
  for (const auto& [name, campaign] : campaigns_) {
    const bool stays = !campaign->has_ended() || campaign->writing;
    running += campaign->has_ended() ? 0U : 1U;
    held += stays ? campaign->bytes : 0U;
  }
  if (running >= limits_.running) {
    return fail(Code::unavailable,
                "batch {}: {} batches are under way, which are the most; try again when one has "
                "ended",
                id, running);
  }
  if (held + bytes > limits_.bytes) {
    return fail(Code::unavailable,
                "batch {}: it has {} bytes, and those under way {} of the {} that all may have; "
                "try again when one has ended",
                id, bytes, held, limits_.bytes);
  }
  return {};
}

void Campaigns::order(CampaignOrder order, Answer answer) {
  const std::string id = order.batch.id;
  if (Campaign* known = find(id)) {
    if (!known->order.is_same(order)) {
      answer(fail(Code::conflict,
                  "batch {}: there is one of that id, with other content or of somebody else", id));
    } else if (known->creating && known->waiting.size() < kMostWaiting) {
      known->waiting.push_back(std::move(answer));
    } else if (known->creating) {
      answer(fail(Code::unavailable, "batch {}: it is being written down; try again", id));
    } else {
      answer(json::Object{{"batch", known->answer()}, {"duplicate", true}});
    }
    return;
  }
  if (Error none = why_none(id); none.code != Code::not_found) {
    answer(Failure(std::move(none)));
    return;
  }
  order.ordered_at_unix_ms = clock_.unix_ms();
  const std::size_t bytes =
      write_campaign_order(order).size() + kBytesAnItem * order.batch.items.size();
  if (const Result<> room = check_room(order, bytes); !room) {
    answer(Failure(room.error()));
    return;
  }
  Batch batch(order.batch);
  auto campaign = std::make_unique<Campaign>(std::move(order), std::move(batch));
  campaign->bytes = bytes;
  campaign->creating = true;
  campaign->waiting.push_back(std::move(answer));
  index(*campaign);
  Campaign& made = *campaigns_.emplace(id, std::move(campaign)).first->second;
  drive(made);
  forget_ended();
}

void Campaigns::change(const std::string& id, const Answer& answer,
                       const std::function<Result<>(Campaign&)>& how) {
  Campaign* campaign = find(id);
  if (campaign == nullptr) {
    answer(Failure(why_none(id)));
    return;
  }
  Campaign& it = *campaign;
  if (it.creating || it.waiting.size() >= kMostWaiting) {
    answer(fail(Code::unavailable, "batch {}: it is being written down; try again", id));
    return;
  }
  if (const Result<> changed = how(it); !changed) {
    answer(Failure(changed.error()));
    return;
  }
  it.touched = true;
  it.waiting.push_back(answer);
  drive(it);
}

void Campaigns::pause(const std::string& id, const Answer& answer) {
  change(id, answer, [](Campaign& campaign) { return campaign.batch.pause(); });
}

void Campaigns::resume(const std::string& id, const Answer& answer) {
  change(id, answer, [](Campaign& campaign) { return campaign.batch.resume(); });
}

void Campaigns::approve(const std::string& id, const Answer& answer) {
  change(id, answer, [](Campaign& campaign) { return campaign.batch.approve(); });
}

void Campaigns::abort(const std::string& id, bool cancel, const Answer& answer) {
  change(id, answer, [this, cancel](Campaign& campaign) -> Result<> {
    // What was aborted may be cancelled later, too.
    const bool again = cancel && campaign.batch.stop() != BatchStop::none && !campaign.has_ended();
    if (!again) {
      TRY(campaign.batch.abort(clock_.unix_ms()));
    }
    campaign.cancel = campaign.cancel || cancel;
    for (const auto& [job, flight] : campaign.flights) {
      const bool there = flight.step >= Flight::Step::sent || flight.may_be_there;
      if (cancel && there && ports_.holds()) {
        ports_.cancel(job_of(campaign, job, flight.node));
      }
    }
    return {};
  });
}

void Campaigns::take_when_idle() {
  if (!take_due_ || taking_ || in_store_ != 0) {
    return;
  }
  taking_ = true;
  // Not by `in_store`, which would call this again.
  ports_.in_store([this](CampaignStore& store) -> std::function<void()> {
    return [this, result = store.take()] { taken(result); };
  });
}

void Campaigns::taken(Result<TakenCampaigns> result) {
  taking_ = false;
  take_due_ = false;
  taken_at_ = clock_.now();
  if (!result) {
    fault(result.error());
  } else {
    if (result->afresh) {
      // Whoever had them meanwhile has written down what became of them.
      std::vector<std::string> old;
      std::vector<Answer> waiting;
      for (const auto& [id, campaign] : campaigns_) {
        if (!campaign->creating) {
          old.push_back(id);
          waiting.insert(waiting.end(), campaign->waiting.begin(), campaign->waiting.end());
        }
      }
      for (const std::string& id : old) {
        drop(id);
      }
      for (const Answer& answer : waiting) {
        answer(fail(Code::unavailable, "this dispatcher had lost its batches; try again"));
      }
    }
    ready_ = true;
    elsewhere_ = std::move(result->elsewhere);
    for (const StoredCampaign& stored : result->campaigns) {
      add(stored);
    }
  }
  for (const auto& [id, campaign] : campaigns_) {
    drive(*campaign);
  }
}

void Campaigns::add(const StoredCampaign& stored) {
  if (find(stored.id) != nullptr) {
    return;
  }
  Result<CampaignOrder> order = read_kept_order(stored.id, stored.order);
  if (!order) {
    fault(order.error());
    return;
  }
  Result<JoinedPieces> joined = join_pieces(order->batch, stored.progress);
  if (!joined) {
    fault(joined.error());
    return;
  }
  auto campaign = std::make_unique<Campaign>(std::move(*order), std::move(joined->batch));
  campaign->bytes = stored.order.size() + kBytesAnItem * campaign->order.batch.items.size();
  campaign->written = stored.progress;
  campaign->cancel =
      joined->head.find("cancel") != nullptr && joined->head.find("cancel")->boolean_or(false);
  if (const json::Value* ended = joined->head.find("ended_at"); ended && ended->integer()) {
    campaign->ended_at = *ended->integer();
    campaign->told_end = true;
  }
  const system::Instant now = clock_.now();
  for (const BatchItem& item : campaign->batch.in_flight()) {
    Flight flight;
    flight.item = *campaign->batch.find(item.job);
    flight.node = item.node;
    flight.may_be_there = !item.node.empty();
    flight.since = now;
    flight.tried_at = now - kAskAgain;
    const bool accepted = campaign->batch.state_of(flight.item) == ItemState::accepted;
    // What a batch that was ended may have sent is not sent again, but asked for.
    flight.step = item.node.empty()                                       ? Flight::Step::placing
                  : accepted || campaign->batch.stop() != BatchStop::none ? Flight::Step::accepted
                                                                          : Flight::Step::written;
    campaign->flights.emplace(item.job, std::move(flight));
  }
  index(*campaign);
  if (!campaign->has_ended()) {
    ports_.tell("batch_taken_over", stored.id, campaign->answer());
  }
  campaigns_.emplace(stored.id, std::move(campaign));
}

void Campaigns::tick() {
  std::vector<std::string> ids;
  for (const auto& [id, campaign] : campaigns_) {
    ids.push_back(id);
  }
  for (const std::string& id : ids) {
    Campaign& campaign = *campaigns_.at(id);
    look_after(campaign);
    drive(campaign, true);
  }
  forget_ended();
  if (clock_.now() - taken_at_ >= kTakeEvery) {
    take_due_ = true;
    take_when_idle();
  }
}

void Campaigns::forget_ended() {
  std::vector<std::pair<std::int64_t, std::string>> ended;
  std::size_t bytes = 0;
  for (const auto& [id, campaign] : campaigns_) {
    bytes += campaign->bytes;
    if (campaign->told_end && !campaign->writing) {
      ended.emplace_back(*campaign->ended_at, id);
    }
  }
  std::sort(ended.begin(), ended.end());
  std::size_t kept = campaigns_.size();
  const std::int64_t oldest =
      clock_.unix_ms() - std::chrono::milliseconds(limits_.keep_ended).count();
  for (const auto& [at, id] : ended) {
    if (at >= oldest && kept <= limits_.kept && bytes <= limits_.bytes) {
      break;
    }
    bytes -= campaigns_.at(id)->bytes;
    --kept;
    forget(id);
  }
}

void Campaigns::forget(const std::string& id) {
  drop(id);
  in_store([this, id](CampaignStore& store) -> std::function<void()> {
    const Result<> removed = store.remove(id);
    return [this, removed] {
      if (!removed) {
        fault(removed.error());  // it is there again after the next start, and forgotten then
      }
    };
  });
}

}  // namespace drover::dispatch
