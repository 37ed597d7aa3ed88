#include "messaging/dispatch/campaigns/requests.h"

#include <utility>

#include "agent/core/ids.h"

namespace drover::dispatch {

bool take_request(Campaigns& campaigns, Drains& drains, std::string_view kind,
                  const json::Value& body, const Orderer& orderer,
                  const Campaigns::Answer& answer) {
  const std::string id(body.at("id").string_or(""));
  if (kind == "dispatch.batch") {
    Result<CampaignOrder> order = read_campaign_order(body);
    if (!order) {
      answer(Failure(order.error()));
      return true;
    }
    order->by = orderer.by;
    order->role = orderer.role;
    campaigns.order(std::move(*order), answer);
  } else if (kind == "dispatch.batches") {
    answer(campaigns.list());
  } else if (kind == "dispatch.batch.show") {
    answer(campaigns.show(id, std::string(body.at("after").string_or(""))));
  } else if (kind == "dispatch.batch.pause") {
    campaigns.pause(id, answer);
  } else if (kind == "dispatch.batch.resume") {
    campaigns.resume(id, answer);
  } else if (kind == "dispatch.batch.approve") {
    campaigns.approve(id, answer);
  } else if (kind == "dispatch.batch.abort") {
    campaigns.abort(id, body.at("cancel").boolean_or(false), answer);
  } else if (kind == "dispatch.drain") {
    const std::string node(body.at("node").string_or(""));
    if (const Result<NodeName> name = NodeName::parse(node); !name) {
      answer(fail(Code::invalid, "drain a node: \"node\": {}", name.error().message));
      return true;
    }
    drains.order(node, body.at("move").boolean_or(false), orderer, answer);
  } else {
    return false;
  }
  return true;
}

}  // namespace drover::dispatch
