#include "agent/core/config/journal.h"

#include <utility>

namespace drover {

JournalConfig read_journal_section(const json::Value& value, std::string at, Faults& faults) {
  Fields fields(value, std::move(at), faults);
  JournalConfig journal;
  constexpr std::int64_t kYear = 31'536'000;
  journal.dedupe_s = fields.integer("dedupe_s", journal.dedupe_s, 60, kYear);
  journal.keep_events_s = fields.integer("keep_events_s", journal.keep_events_s, 60, kYear);
  journal.keep_events = fields.integer("keep_events", journal.keep_events, 1000, 10'000'000);
  journal.keep_events_mib = fields.integer("keep_events_mib", journal.keep_events_mib, 1, 65'536);
  journal.reserve_mib = fields.integer("reserve_mib", journal.reserve_mib, 0, 1'048'576);
  fields.finish();
  return journal;
}

}  // namespace drover
