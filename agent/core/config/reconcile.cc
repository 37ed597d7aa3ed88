#include "agent/core/config/reconcile.h"

#include <utility>

namespace drover {

ReconcileConfig read_reconcile_section(const json::Value& value, std::string at, Faults& faults) {
  Fields fields(value, std::move(at), faults);
  ReconcileConfig reconcile;
  constexpr std::int64_t kHour = 3600;
  constexpr std::int64_t kMonth = 2'592'000;
  reconcile.every_s = fields.integer("every_s", reconcile.every_s, 1, kHour);
  reconcile.grace_s = fields.integer("grace_s", reconcile.grace_s, 1, kMonth);
  reconcile.collect = fields.boolean("collect", reconcile.collect);
  fields.finish();
  return reconcile;
}

}  // namespace drover
