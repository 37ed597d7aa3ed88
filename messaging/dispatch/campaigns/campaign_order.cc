#include "messaging/dispatch/campaigns/campaign_order.h"

#include <utility>

namespace drover::dispatch {
namespace {

constexpr std::int64_t kKeptVersion = 1;

Result<std::vector<std::string>> read_bodies(const BatchOrder& batch, const json::Value& jobs) {
  Faults faults;
  const json::Array* array = jobs.array();
  std::vector<std::string> bodies;
  if (array == nullptr || array->size() != batch.items.size()) {
    faults.add("/jobs",
               fmt::format("must be an array of {} jobs, one an item", batch.items.size()));
  } else {
    for (std::size_t i = 0; i < array->size(); ++i) {
      const json::Value& job = (*array)[i];
      if (job.at("id").string_or("") != batch.items[i].job) {
        faults.add(json::pointer_join("/jobs", i),
                   fmt::format("must be the job of its item, whose id is {}", batch.items[i].job));
      }
      bodies.push_back(json::write(job));
    }
  }
  TRY(faults.result("the batch is not accepted"));
  return bodies;
}

Result<std::vector<JobNeeds>> read_needs(const BatchOrder& batch, const json::Value& value) {
  const json::Array* array = value.array();
  std::vector<JobNeeds> needs;
  if (array == nullptr) {
    needs.push_back(TRY(read_job_needs(value.is_null() ? json::Value(json::Object()) : value)));
    return needs;
  }
  if (array->size() != batch.items.size()) {
    return fail(Code::invalid,
                "the batch is not accepted: of \"needs\" there must be {}, one an "
                "item, or one object for all",
                batch.items.size());
  }
  for (const json::Value& one : *array) {
    needs.push_back(TRY(read_job_needs(one)));
  }
  return needs;
}

}  // namespace

Result<CampaignOrder> read_campaign_order(const json::Value& body) {
  CampaignOrder order{TRY(read_batch_order(body.at("order")))};
  order.bodies = TRY(read_bodies(order.batch, body.at("jobs")));
  order.needs = TRY(read_needs(order.batch, body.at("needs")));
  return order;
}

std::string write_campaign_order(const CampaignOrder& order) {
  // The bodies are JSON already: parsed again only to be written they would cost twice.
  json::Array needs;
  for (const JobNeeds& one : order.needs) {
    needs.push_back(to_json(one));
  }
  std::string text =
      json::write(json::Object{{"v", kKeptVersion},
                               {"by", order.by},
                               {"role", order.role},
                               {"ordered_at", order.ordered_at_unix_ms},
                               {"order", to_json(order.batch)},
                               {"needs", needs.size() == 1 ? needs.front() : json::Value(needs)}});
  text.back() = ',';
  text += "\"jobs\":[";
  for (std::size_t i = 0; i < order.bodies.size(); ++i) {
    text += (i == 0 ? "" : ",") + order.bodies[i];
  }
  return text + "]}";
}

Result<CampaignOrder> read_kept_order(const std::string& id, std::string_view text) {
  const auto broken = [&id](std::string_view why) {
    return fail(Code::broken, "take batch {} over: its order, as it was kept, cannot be read: {}",
                id, why);
  };
  const Result<json::Value> value = json::parse(text);
  if (!value) {
    return broken(value.error().message);
  }
  if (value->at("v").integer_or(0) != kKeptVersion) {
    return broken(fmt::format("\"v\" is not {}", kKeptVersion));
  }
  Result<CampaignOrder> order = read_campaign_order(*value);
  if (!order) {
    return broken(order.error().message);
  }
  if (order->batch.id != id) {
    return broken("it is of another batch");
  }
  order->by = value->at("by").string_or("");
  order->role = value->at("role").string_or("");
  order->ordered_at_unix_ms = value->at("ordered_at").integer_or(0);
  return order;
}

}  // namespace drover::dispatch
