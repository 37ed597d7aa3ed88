// Leaks: the books about things of ours that nothing in the journal knows any more.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "agent/jobs/journal/books.h"
#include "agent/jobs/reconcile/inventory.h"
#include "agent/jobs/reconcile/known.h"
#include "agent/system/clock.h"

namespace drover::jobs {

/// What one look at the node has given.
struct Sight {
  std::vector<Thing> things;
  std::set<std::string> failed;                         ///< labels of parts that gave nothing
  std::map<std::string, std::set<std::string>> places;  ///< by part: where it has looked

  /// Whether a thing of this part that is not among `things` is not there.
  bool has_looked_at(const Part& part, const std::string& place) const {
    const auto found = places.find(part.label);
    return found != places.end() && found->second.contains(place);
  }
};

/// Belongs to the loop's thread. Of a new leak it tells resource.leaked, and once it is taken away
/// resource.collected; one that has gone by itself, or is known again, is struck off without a
/// word.
///
/// Some are told and left alone until somebody orders their removal (docs/decisions/0015-leaks.md):
/// what was there before this node's journal was, and guests that it has never known.
class Leaks {
 public:
  /// All must outlive it.
  Leaks(Books& books, const Node& node, system::Clock& clock)
      : books_(books), node_(node), clock_(clock) {}

  /// Brings the books up to date with what was seen. `known`: before or after that, or both.
  Result<> note(const std::vector<Part>& parts, const Sight& sight, const Known& known);
  /// Also containers that a failed job or a failed delete has left: those stay in their own rows,
  /// and here it is kept when taking them back is tried again. Returns the names whose time it is.
  Result<std::vector<std::string>> note_undone();

  Result<bool> is_due(const LeakRow& row) const;
  /// It is gone, or is no leak any more.
  Result<> strike_off(const LeakRow& row) { return books_.journal().erase_leak(row); }
  Result<> collected(const LeakRow& row);
  /// It could not be taken away: told with why, and tried again later, each time twice as late, an
  /// hour at the most.
  Result<> kept(LeakRow row, const std::string& why);

 private:
  Result<> add(const Thing& thing, bool first_look);
  /// Why it is not taken away unless somebody orders it; "" when it is.
  Result<std::string> why_left(const Thing& thing, bool first_look) const;
  Result<> tell(const LeakRow& row, const std::string& what);

  Books& books_;
  const Node& node_;
  system::Clock& clock_;
};

/// Orders what is named, or when nothing is, all that are taken away by themselves, to be taken
/// away now. `not_found` for a name that no leak has.
Result<std::vector<LeakRow>> order_leaks(Journal& journal, const std::vector<std::string>& names,
                                         std::int64_t now_unix_ms);

Thing thing_of(const LeakRow& row);
/// The part that lists such things; nullptr when this node has none any more.
const Part* part_of(const std::vector<Part>& parts, const Thing& thing);
json::Object leak_view(const LeakRow& row);

}  // namespace drover::jobs
