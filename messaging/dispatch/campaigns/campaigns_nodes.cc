// What nodes say of the jobs of batches.
#include <utility>

#include "messaging/dispatch/campaigns/campaign.h"

namespace drover::dispatch {
namespace {

/// Whether the same node may take the same job later.
bool may_pass(Code code) {
  return code == Code::unavailable || code == Code::timed_out;
}

}  // namespace

void Campaigns::heard(const std::string& node, const std::string& job, std::string_view state,
                      std::string_view message) {
  Campaign* campaign = of_job(job);
  const std::optional<std::size_t> item =
      campaign == nullptr ? std::nullopt : campaign->batch.find(job);
  if (!item || campaign->creating || campaign->batch.placed_item(*item).node != node) {
    return;
  }
  Batch& batch = campaign->batch;
  campaign->touched = true;
  if (state == "succeeded") {
    batch.succeeded(job, clock_.unix_ms());
  } else if (state == "failed" || state == "cancelled") {
    batch.failed(job, message.empty() ? state : message, clock_.unix_ms());
  } else {
    batch.accepted(job, node);
  }
  if (batch.state_of(*item) != ItemState::accepted) {
    campaign->flights.erase(job);
  } else {
    Flight& flight = campaign->flights[job];
    const bool new_there = flight.step != Flight::Step::accepted || flight.may_be_there;
    flight.may_be_there = false;
    flight.item = *item;
    flight.node = node;
    flight.step = Flight::Step::accepted;
    flight.tried_at = clock_.now();
    flight.since = new_there ? clock_.now() : flight.since;
    if (new_there && campaign->cancel && ports_.holds()) {
      ports_.cancel(job_of(*campaign, job, node));
    }
  }
  drive(*campaign);
}

void Campaigns::refused(const std::string& node, const std::string& job, const Error& error) {
  Campaign* campaign = of_job(job);
  const auto found =
      campaign == nullptr ? std::map<std::string, Flight>::iterator() : campaign->flights.find(job);
  if (campaign == nullptr || found == campaign->flights.end() || found->second.node != node ||
      found->second.step != Flight::Step::sent) {
    return;
  }
  Flight& flight = found->second;
  campaign->touched = true;
  const bool is_placed = campaign->order.batch.items[flight.item].node.empty();
  const bool elsewhere = is_placed && (may_pass(error.code) || error.code == Code::refused);
  if (elsewhere && flight.refusals.size() + 1 < kMostNodesTried) {
    flight.refusals[node] = error.message;
    flight.node.clear();
    flight.step = Flight::Step::placing;
    flight.may_be_there = false;
    flight.tried_at = flight.since - std::chrono::hours(1);
    campaign->batch.placed(job, "");
  } else if (!is_placed && may_pass(error.code) && clock_.now() - flight.since < kWaitForNode) {
    return;  // it is sent again in a while
  } else {
    campaign->flights.erase(found);
    campaign->batch.failed(job, error.message, clock_.unix_ms());
  }
  drive(*campaign);
}

void Campaigns::unknown(const std::string& node, const std::string& job) {
  Campaign* campaign = of_job(job);
  const std::optional<std::size_t> item =
      campaign == nullptr ? std::nullopt : campaign->batch.find(job);
  if (!item || campaign->batch.placed_item(*item).node != node) {
    return;
  }
  const auto flight = campaign->flights.find(job);
  const bool lost = campaign->batch.state_of(*item) == ItemState::lost;
  const bool asked =
      flight != campaign->flights.end() && flight->second.step == Flight::Step::accepted;
  if (!lost && !asked) {
    return;
  }
  campaign->touched = true;
  campaign->flights.erase(job);
  campaign->batch.failed(job, fmt::format("node {} does not know the job", node), clock_.unix_ms());
  drive(*campaign);
}

void Campaigns::node_changed(const NodeChange& change) {
  using What = NodeChange::What;
  for (const auto& [id, one] : campaigns_) {
    Campaign& campaign = *one;
    if (campaign.creating || !campaign.is_open()) {
      continue;
    }
    if (change.what == What::dead) {
      // What nobody has sent waits for the node.
      bool any = false;
      for (const auto& [job, flight] : campaign.flights) {
        const bool there = flight.step >= Flight::Step::sent || flight.may_be_there;
        if (flight.node == change.node && there) {
          campaign.batch.lost(job, clock_.unix_ms());
          any = true;
        }
      }
      std::erase_if(campaign.flights, [&](const auto& flight) {
        return campaign.batch.state_of(flight.second.item) == ItemState::lost;
      });
      if (any) {
        campaign.touched = true;
        drive(campaign);
      }
      continue;
    }
    if (change.what == What::suspect || !ports_.holds()) {
      continue;
    }
    if (change.what != What::recovered) {
      // An event may be among what was missed.
      for (auto& [job, flight] : campaign.flights) {
        if (flight.node == change.node && flight.step == Flight::Step::accepted) {
          flight.tried_at = clock_.now();
          ports_.ask(job_of(campaign, job, flight.node));
        } else if (flight.node == change.node && flight.step == Flight::Step::sent) {
          flight.tried_at = clock_.now();
          ports_.send(job_of(campaign, job, flight.node));
        }
      }
      for (const BatchItem& item : campaign.batch.items_in(ItemState::lost)) {
        if (item.node == change.node) {
          ports_.ask(job_of(campaign, item.job, item.node));
        }
      }
    }
    send_written(campaign);
  }
}

}  // namespace drover::dispatch
