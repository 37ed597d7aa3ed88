#include "agent/jobs/reconcile/reconciler.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "agent/jobs/own_job.h"
#include "agent/jobs/quorum_need.h"
#include "agent/jobs/reconcile/link_watch.h"
#include "agent/jobs/reconcile/storage_watch.h"
#include "agent/system/log.h"

namespace drover::jobs {

namespace {

/// Among the parts that fail.
constexpr const char* kLock = "lock on the cluster's SDN";

/// Of a container that is to go: whether that is so also when its program runs. What a delete
/// without force has left, somebody may have started by hand since.
Result<bool> goes_by_force(Journal& journal, const std::string& name) {
  const std::optional<ContainerRow> row = TRY(journal.container(name));
  if (!row) {
    return false;
  }
  const std::optional<JobRow> asked = TRY(journal.last_deletion(name, row->job));
  if (!asked) {
    // Its making has failed; or its deletion was forgotten, or lost with an earlier journal.
    const std::optional<JobRow> maker = TRY(journal.job(row->job));
    return maker && maker->state != JobState::succeeded;
  }
  const json::Value request = TRY(json::parse(asked->request));
  return TRY(read_job(request)).options.force;
}

}  // namespace

Reconciler::Reconciler(const Node& node, Books& books, Supervisor& supervisor, Intake& intake,
                       system::Clock& clock, std::function<bool()> lacks_quorum)
    : node_(node),
      books_(books),
      supervisor_(supervisor),
      intake_(intake),
      clock_(clock),
      lacks_quorum_(std::move(lacks_quorum)),
      leaks_(books, node, clock),
      parts_(inventory_parts(node)),
      images_(node, books, intake, clock),
      thread_([this] { work(); }) {}

Reconciler::~Reconciler() {
  stop_.request(system::Stop::Why::process_ends);
  {
    // A thread that is about to wait must not miss it.
    const std::lock_guard lock(mutex_);
  }
  changed_.notify_all();
  thread_.join();
}

void Reconciler::look() {
  {
    const std::lock_guard lock(mutex_);
    wanted_ = true;
  }
  changed_.notify_one();
}

std::uint64_t Reconciler::looks() const {
  const std::lock_guard lock(mutex_);
  return looks_;
}

void Reconciler::work() {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stop_.requested() || wanted_; });
      wanted_ = false;
    }
    if (stop_.requested()) {
      return;
    }
    const Result<> done = round();
    if (!done && done.error().code != Code::cancelled) {
      system::log_warning("look for what is leaked: {}", done.error().message);
    }
    const std::lock_guard lock(mutex_);
    ++looks_;
  }
}

Result<> Reconciler::round() {
  if (node_.storages != nullptr) {
    node_.storages->look(stop_);
  }
  if (node_.links != nullptr) {
    node_.links->look(stop_);
  }
  free_lock();
  std::int64_t since = 0;
  std::optional<Known> known;
  TRY(books_.write([&](Books& books) -> Result<> {
    since = clock_.unix_ms();
    known = TRY(Known::read(books.journal(), node_, since));
    return {};
  }));
  const Sight sight = see();
  TRY(stop_.check("look at the node"));
  TRY(books_.write([&](Books& books) -> Result<> {
    const Known after = TRY(Known::read(books.journal(), node_, since));
    known->add(after);
    for (const Thing& thing : sight.things) {
      if (thing.kind == "container" && thing.job.empty()) {
        known->add_stranger(thing.container);
      }
    }
    TRY(leaks_.note(parts_, sight, *known));
    return try_undoing_again();
  }));
  TRY(networks_.look(books_));
  TRY(rules_.look(node_, books_, supervisor_, stop_));
  TRY(leases_.look(node_, books_, supervisor_, stop_));
  TRY(collect(sight));
  return images_.look(stop_);
}

/// The cluster's, which keeps everybody from changing its SDN: its job may have ended without.
void Reconciler::free_lock() {
  if (node_.vnets == nullptr) {
    return;
  }
  const Result<> freed = node_.vnets->free_lock(stop_);
  if (freed) {
    failing_.erase(kLock);
  } else if (!stop_.requested() && failing_.insert(kLock).second) {
    system::log_warning("{}; it is tried again", freed.error().message);
  }
}

Sight Reconciler::see() {
  Sight sight;
  for (const Part& part : parts_) {
    Result<Listing> listed = part.list(stop_);
    if (stop_.requested()) {
      break;
    }
    warn_once(part, listed);
    if (!listed) {
      sight.failed.insert(part.label);
      continue;
    }
    sight.places.emplace(part.label, std::move(listed->places));
    std::move(listed->things.begin(), listed->things.end(), std::back_inserter(sight.things));
  }
  return sight;
}

void Reconciler::warn_once(const Part& part, const Result<Listing>& listed) {
  if (listed) {
    if (failing_.erase(part.label) != 0) {
      system::log_info("{} can be listed again", part.label);
    }
  } else if (failing_.insert(part.label).second) {
    system::log_warning("list {}: {}; nothing of them is taken away meanwhile", part.label,
                        listed.error().message);
  }
}

Result<> Reconciler::try_undoing_again() {
  const std::vector<std::string> names = TRY(leaks_.note_undone());
  for (const std::string& name : names) {
    JobRequest remove = TRY(own_job(clock_, Verb::container_delete, name));
    remove.options.force = TRY(goes_by_force(books_.journal(), name));
    remove.attempts = 1;  // the next one is made from here, later
    TRY(intake_.submit_own(remove, "undo that failed"));
  }
  return {};
}

Result<> Reconciler::collect(const Sight& sight) {
  std::vector<LeakRow> rows;
  bool no_quorum = false;
  TRY(books_.write([&](Books& books) -> Result<> {
    rows = TRY(books.journal().leaks());
    no_quorum = lacks_quorum_();
    return {};
  }));
  const auto rank = [this](const LeakRow& row) {
    return part_of(parts_, thing_of(row)) - parts_.data();
  };
  std::erase_if(rows,
                [this](const LeakRow& row) { return part_of(parts_, thing_of(row)) == nullptr; });
  // Within a part in the order of the look: mounts come the deepest first.
  const auto seen = [&sight](const LeakRow& row) {
    return std::find(sight.things.begin(), sight.things.end(), thing_of(row)) -
           sight.things.begin();
  };
  std::stable_sort(rows.begin(), rows.end(), [&](const LeakRow& one, const LeakRow& other) {
    return std::pair(rank(one), seen(one)) < std::pair(rank(other), seen(other));
  });
  Known strangers;
  std::set<std::string> held_back;  // containers something of which has to go before
  for (const Thing& thing : sight.things) {
    if (thing.kind == "container" && thing.job.empty()) {
      strangers.add_stranger(thing.container);
    }
  }
  for (const LeakRow& row : rows) {
    TRY(stop_.check("take away what is leaked"));
    // What stands on a container waits for it; a container waits for none of its name.
    const bool stands_on = row.kind != "container" && !row.container.empty();
    if (stands_on && held_back.contains(row.container)) {
      continue;
    }
    const Thing thing = thing_of(row);
    const bool due = sight.has_looked_at(*part_of(parts_, thing), row.place) &&
                     TRY(leaks_.is_due(row)) && !(no_quorum && needs_quorum(node_, thing));
    if (!due || !TRY(take_away(row, strangers))) {
      held_back.insert(row.container);
    }
  }
  return {};
}

Result<bool> Reconciler::take_away(const LeakRow& row, const Known& strangers) {
  if (row.container.empty()) {
    return take_away_held(row, strangers);
  }
  // A change is made again when its commit had to wait (books.h).
  bool held = false;
  TRY(books_.write([&](Books&) -> Result<> {
    held = held || supervisor_.hold(row.container);
    return {};
  }));
  if (!held) {
    return false;  // a job is about that container: at the next look, if it is a leak then
  }
  const Result<bool> gone = take_away_held(row, strangers);
  TRY(books_.write([&](Books&) -> Result<> {
    if (std::exchange(held, false)) {
      supervisor_.let_go(row.container);
    }
    return {};
  }));
  return gone;
}

Result<bool> Reconciler::take_away_held(const LeakRow& row, const Known& strangers) {
  const Thing thing = thing_of(row);
  const Part& part = *part_of(parts_, thing);
  // Names are used again: only what still is as it was seen is taken away.
  const Result<Listing> listed = part.list(stop_);
  if (!listed) {
    return false;
  }
  bool is_leaked =
      std::find(listed->things.begin(), listed->things.end(), thing) != listed->things.end();
  const auto may_go = [&]() -> Result<bool> {
    TRY(books_.write([&](Books& books) -> Result<> {
      Known known = TRY(Known::read(books.journal(), node_, clock_.unix_ms()));
      known.add(strangers);
      is_leaked = is_leaked && !TRY(known.has(books.journal(), thing));
      return is_leaked ? Result<>() : leaks_.strike_off(row);
    }));
    return is_leaked;
  };
  if (!TRY(may_go())) {
    return true;
  }
  const Result<> removed = part.remove(thing, may_go, stop_);
  if (!removed && stop_.requested()) {
    return Failure(removed.error());
  }
  if (!is_leaked) {
    return true;  // a job was faster
  }
  TRY(books_.write([&](Books&) {
    return removed ? leaks_.collected(row) : leaks_.kept(row, removed.error().message);
  }));
  return removed.has_value();
}

}  // namespace drover::jobs
