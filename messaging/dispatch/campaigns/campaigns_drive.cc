// How a batch goes on: what begins, is placed, written down and then sent.
#include <utility>

#include "messaging/dispatch/campaigns/campaign.h"

namespace drover::dispatch {
namespace {

constexpr std::chrono::seconds kPlaceAgain{1};

std::string of_all(const std::map<std::string, std::string>& refusals) {
  std::string text;
  for (const auto& [node, why] : refusals) {
    text += (text.empty() ? "" : "; ") + node + ": " + why;
  }
  return text;
}

}  // namespace

CampaignJob Campaigns::job_of(const Campaign& campaign, const std::string& job,
                              const std::string& node) const {
  const CampaignOrder& order = campaign.order;
  const std::size_t item = campaign.batch.find(job).value_or(0);
  return CampaignJob{job,      node,      order.bodies[item], order.needs_of(item).capacity,
                     order.by, order.role};
}

void Campaigns::fault(const Error& error) {
  if (error.message != last_fault_) {
    last_fault_ = error.message;
    ports_.fault(error);
  }
}

void Campaigns::begin_items(Campaign& campaign) {
  const BatchPhase before = campaign.batch.phase();
  const std::vector<BatchItem> begun = campaign.batch.start_next(clock_.unix_ms());
  campaign.touched = campaign.touched || !begun.empty() || campaign.batch.phase() != before;
  for (const BatchItem& item : begun) {
    Flight flight;
    flight.item = *campaign.batch.find(item.job);
    flight.node = item.node;
    flight.step = item.node.empty() ? Flight::Step::placing : Flight::Step::placed;
    flight.since = clock_.now();
    flight.tried_at = flight.since - kPlaceAgain;
    campaign.flights.insert_or_assign(item.job, std::move(flight));
  }
}

void Campaigns::place(Campaign& campaign, const std::string& job, Flight& flight) {
  campaign.touched = true;
  flight.tried_at = clock_.now();
  const PlacementQuestion question{job, campaign.order.needs_of(flight.item), flight.refusals};
  Result<std::string> node = ports_.place(question);
  if (node) {
    flight.node = std::move(*node);
    flight.step = Flight::Step::placed;
    campaign.batch.placed(job, flight.node);
  } else if (clock_.now() - flight.since >= kWaitForNode || !flight.refusals.empty()) {
    const std::string tried = of_all(flight.refusals);
    campaign.batch.failed(job,
                          tried.empty() ? node.error().message
                                        : fmt::format("no node takes it: {}; others: {}", tried,
                                                      node.error().message),
                          clock_.unix_ms());
    campaign.flights.erase(job);
  }
}

/// Of a batch that begins nothing more, what nobody has sent is not sent.
void Campaigns::give_up_unsent(Campaign& campaign) {
  if (campaign.batch.stop() == BatchStop::none) {
    return;
  }
  std::vector<std::string> unsent;
  for (const auto& [job, flight] : campaign.flights) {
    if (flight.step < Flight::Step::sent && !flight.may_be_there) {
      unsent.push_back(job);
    }
  }
  campaign.touched = campaign.touched || !unsent.empty();
  for (const std::string& job : unsent) {
    campaign.flights.erase(job);
    campaign.batch.failed(job, "was not begun: the batch was ended before", clock_.unix_ms());
  }
}

void Campaigns::send_written(Campaign& campaign) {
  if (!ports_.holds()) {
    return;
  }
  for (auto& [job, flight] : campaign.flights) {
    if (flight.step == Flight::Step::written && ports_.liveness(flight.node) == Liveness::alive) {
      flight.step = Flight::Step::sent;
      flight.tried_at = clock_.now();
      ports_.send(job_of(campaign, job, flight.node));
    }
  }
}

/// What time brings.
void Campaigns::look_after(Campaign& campaign) {
  const system::Instant now = clock_.now();
  std::vector<std::string> to_place;
  std::vector<std::string> not_there;
  std::vector<std::string> lost;
  for (auto& [job, flight] : campaign.flights) {
    if (flight.step == Flight::Step::placing) {
      to_place.push_back(job);
      continue;
    }
    const std::optional<Liveness> liveness = ports_.liveness(flight.node);
    const bool gone = !liveness || *liveness == Liveness::dead;
    if (gone && now - flight.since >= kWaitForNode && flight.step != Flight::Step::placed) {
      const bool never_sent = flight.step == Flight::Step::written && !flight.may_be_there;
      (never_sent ? not_there : lost).push_back(job);
    } else if (liveness == Liveness::alive && ports_.holds()) {
      if (flight.step == Flight::Step::sent && now - flight.tried_at >= kSendAgain) {
        flight.tried_at = now;
        ports_.send(job_of(campaign, job, flight.node));
      } else if (flight.step == Flight::Step::accepted && now - flight.tried_at >= kAskAgain) {
        flight.tried_at = now;
        ports_.ask(job_of(campaign, job, flight.node));
      }
    }
  }
  for (const std::string& job : to_place) {
    Flight& flight = campaign.flights.at(job);
    if (now - flight.tried_at >= kPlaceAgain) {
      place(campaign, job, flight);
    }
  }
  campaign.touched = campaign.touched || !not_there.empty() || !lost.empty();
  for (const std::string& job : not_there) {
    const std::string node = campaign.flights.at(job).node;
    campaign.flights.erase(job);
    campaign.batch.failed(job, fmt::format("was not begun: node {} is not there", node),
                          clock_.unix_ms());
  }
  for (const std::string& job : lost) {
    campaign.batch.lost(job, clock_.unix_ms());
    campaign.flights.erase(job);
  }
}

void Campaigns::drive(Campaign& campaign, bool also_later) {
  if (campaign.writing || take_due_ || (campaign.failed && !also_later)) {
    return;
  }
  campaign.failed = false;
  if (campaign.creating) {
    create(campaign, campaign.pieces());
    return;
  }
  for (bool more = true; more;) {
    give_up_unsent(campaign);
    begin_items(campaign);
    std::vector<std::string> fresh;
    for (const auto& [job, flight] : campaign.flights) {
      if (flight.step == Flight::Step::placing && clock_.now() - flight.tried_at >= kPlaceAgain) {
        fresh.push_back(job);
      }
    }
    for (const std::string& job : fresh) {
      place(campaign, job, campaign.flights.at(job));
    }
    // One that no node takes has ended: the next one begins in its place.
    more = !fresh.empty();
  }
  if (campaign.has_ended() && !campaign.ended_at) {
    campaign.ended_at = clock_.unix_ms();
  }
  bool urgent = !campaign.waiting.empty() || campaign.has_ended() || also_later;
  for (const auto& [job, flight] : campaign.flights) {
    urgent = urgent || flight.step == Flight::Step::placed;
  }
  if (!urgent) {
    return;  // what was heard is written with what begins next, or at the next tick
  }
  Pieces now;
  Pieces changed;
  if (std::exchange(campaign.touched, false)) {
    now = campaign.pieces();
    changed = changed_pieces(campaign.written, now);
  }
  if (!changed.empty()) {
    write(campaign, std::move(now), std::move(changed));
    return;
  }
  for (const Answer& answer : std::exchange(campaign.waiting, {})) {
    answer(json::Object{{"batch", campaign.answer()}});
  }
  send_written(campaign);
}

void Campaigns::in_store(std::function<std::function<void()>(CampaignStore&)> work) {
  ++in_store_;
  ports_.in_store([this, work = std::move(work)](CampaignStore& store) -> std::function<void()> {
    return [this, then = work(store)] {
      --in_store_;
      then();
      take_when_idle();
    };
  });
}

void Campaigns::create(Campaign& campaign, Pieces now) {
  campaign.writing = true;
  StoredCampaign stored{campaign.order.batch.id, write_campaign_order(campaign.order), now};
  in_store([this, stored = std::move(stored), now = std::move(now)](CampaignStore& store) {
    const Result<> result = store.create(stored);
    return [this, id = stored.id, result, now] { written(id, result, now, {}, {}); };
  });
}

void Campaigns::write(Campaign& campaign, Pieces now, Pieces changed) {
  campaign.writing = true;
  std::vector<std::string> placed;
  for (const auto& [job, flight] : campaign.flights) {
    if (flight.step == Flight::Step::placed) {
      placed.push_back(job);
    }
  }
  in_store([this, id = campaign.order.batch.id, now = std::move(now), changed = std::move(changed),
            placed = std::move(placed),
            answers = std::exchange(campaign.waiting, {})](CampaignStore& store) {
    const Result<> result = store.write(id, changed);
    return [=, this] { written(id, result, now, placed, answers); };
  });
}

void Campaigns::written(const std::string& id, const Result<>& result, Pieces now,
                        const std::vector<std::string>& placed, std::vector<Answer> answers) {
  Campaign* campaign = find(id);
  if (campaign == nullptr) {
    return;
  }
  campaign->writing = false;
  answers.insert(answers.end(), campaign->waiting.begin(),
                 campaign->creating ? campaign->waiting.end() : campaign->waiting.begin());
  if (!result) {
    fault(result.error());
    // What became of it is not known: the next write says everything.
    campaign->written.clear();
    campaign->touched = true;
    if (campaign->creating || result.error().code == Code::conflict) {
      if (!campaign->creating) {
        answers.insert(answers.end(), campaign->waiting.begin(), campaign->waiting.end());
      }
      drop(id);
      for (const Answer& answer : answers) {
        answer(Failure(result.error()));
      }
      return;
    }
    campaign->failed = true;
    campaign->waiting.insert(campaign->waiting.begin(), answers.begin(), answers.end());
    return;
  }
  last_fault_.clear();
  campaign->written = std::move(now);
  if (campaign->creating) {
    campaign->creating = false;
    campaign->waiting.clear();
    ports_.tell("batch_started", id, campaign->answer());
  }
  for (const std::string& job : placed) {
    const auto flight = campaign->flights.find(job);
    if (flight != campaign->flights.end() && flight->second.step == Flight::Step::placed) {
      flight->second.step = Flight::Step::written;
    }
  }
  for (const Answer& answer : answers) {
    answer(json::Object{{"batch", campaign->answer()}});
  }
  if (campaign->ended_at && !campaign->told_end) {
    campaign->told_end = true;
    unindex(*campaign);
    index(*campaign);
    ports_.tell("batch_ended", id, campaign->answer());
  }
  give_up_unsent(*campaign);
  send_written(*campaign);
  drive(*campaign);
}

}  // namespace drover::dispatch
