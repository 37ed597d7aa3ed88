#include "messaging/dispatch/batch_order.h"

#include <charconv>
#include <unordered_set>
#include <utility>

#include "agent/core/fields.h"
#include "agent/core/ids.h"

namespace drover::dispatch {
namespace {

constexpr std::int64_t kMostConcurrency = 1000;
constexpr std::int64_t kLongestCanaryWait = std::int64_t{7} * 24 * 3600;  // s

std::vector<BatchItem> read_items(Fields& fields, Faults& faults) {
  std::vector<BatchItem> items;
  std::unordered_set<std::string> jobs;
  fields.require("items");
  fields.each("items", kMostBatchItems, [&](const json::Value& value, std::string at) {
    Fields own(value, std::move(at), faults);
    BatchItem item{own.string("job"), own.string("node")};
    if (const Result<JobId> id = JobId::parse(item.job); !id) {
      own.fault("job", id.error().message);
    } else if (!jobs.insert(item.job).second) {
      own.fault("job", "is the id of an item before this one");
    }
    if (const Result<NodeName> name = NodeName::parse(item.node); !item.node.empty() && !name) {
      own.fault("node", name.error().message);
    }
    own.finish();
    items.push_back(std::move(item));
  });
  if (items.empty() && fields.has("items")) {
    fields.fault("items", fmt::format("must be an array of 1 to {} items", kMostBatchItems));
  }
  return items;
}

/// 2 or "10%".
FailureLimit read_limit(Fields& fields) {
  const json::Value* value = fields.any("max_failures");
  if (value == nullptr || value->string() == nullptr) {
    return FailureLimit{
        fields.integer("max_failures", 0, 0, static_cast<std::int64_t>(kMostBatchItems)), false};
  }
  const std::string& text = *value->string();
  std::int64_t percent = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, percent);
  if (error != std::errc() || stop + 1 != end || *stop != '%' || percent < 0 || percent > 100) {
    fields.fault("max_failures", "must be a number of items, or a string of 0% to 100%");
    return {};
  }
  return FailureLimit{percent, true};
}

Canary read_canary(Fields& fields, Faults& faults) {
  Canary canary;
  const json::Value* value = fields.any("canary");
  if (value == nullptr) {
    return canary;
  }
  Fields own(*value, json::pointer_join(fields.pointer(), "canary"), faults);
  own.require("items");
  canary.items = static_cast<std::size_t>(
      own.integer("items", 1, 1, static_cast<std::int64_t>(kMostBatchItems)));
  if (own.has("wait_s")) {
    canary.wait_s = own.integer("wait_s", 0, 0, kLongestCanaryWait);
  } else {
    own.any("wait_s");
  }
  own.finish();
  return canary;
}

}  // namespace

bool FailureLimit::is_over(std::size_t failures, std::size_t all) const {
  const auto failed = static_cast<std::int64_t>(failures);
  return is_percent ? failed * 100 > most * static_cast<std::int64_t>(all) : failed > most;
}

Result<BatchOrder> read_batch_order(const json::Value& value) {
  Faults faults;
  Fields fields(value, "", faults);
  BatchOrder order;
  order.id = fields.string("id");
  if (const Result<JobId> id = JobId::parse(order.id); !id) {
    fields.fault("id", "must be a name as a job's id is one");
  }
  order.items = read_items(fields, faults);
  order.concurrency =
      static_cast<std::size_t>(fields.integer("concurrency", 1, 1, kMostConcurrency));
  order.max_failures = read_limit(fields);
  order.canary = read_canary(fields, faults);
  fields.finish();
  TRY(faults.result("the batch is not accepted"));
  return order;
}

json::Value to_json(const BatchOrder& order) {
  json::Array items;
  for (const BatchItem& item : order.items) {
    json::Object object{{"job", item.job}};
    if (!item.node.empty()) {
      object.set("node", item.node);
    }
    items.emplace_back(std::move(object));
  }
  const FailureLimit& limit = order.max_failures;
  json::Object object{
      {"id", order.id},
      {"items", std::move(items)},
      {"concurrency", static_cast<std::int64_t>(order.concurrency)},
      {"max_failures",
       limit.is_percent ? json::Value(fmt::format("{}%", limit.most)) : json::Value(limit.most)}};
  if (order.canary.items != 0) {
    json::Object canary{{"items", static_cast<std::int64_t>(order.canary.items)}};
    if (order.canary.wait_s) {
      canary.set("wait_s", *order.canary.wait_s);
    }
    object.set("canary", std::move(canary));
  }
  return object;
}

}  // namespace drover::dispatch
