#include "messaging/dispatch/campaigns/campaign.h"

namespace drover::dispatch {
namespace {

json::Value or_null(const std::optional<std::int64_t>& number) {
  return number ? json::Value(*number) : json::Value();
}

}  // namespace

json::Object Campaigns::Campaign::answer() const {
  json::Value progress = to_json(batch.progress());
  json::Object object = std::move(*progress.object());
  object.set("by", order.by);
  object.set("ordered_at", order.ordered_at_unix_ms);
  object.set("ended_at", or_null(ended_at));
  return object;
}

Pieces Campaigns::Campaign::pieces() const {
  return to_pieces(batch, json::Object{{"cancel", cancel}, {"ended_at", or_null(ended_at)}});
}

}  // namespace drover::dispatch
