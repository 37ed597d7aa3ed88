#include "agent/jobs/reconcile/leaks.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

namespace drover::jobs {
namespace {

/// Of leak rows that stand for a container whose undoing has failed.
constexpr const char* kUndo = "undo";

constexpr std::int64_t kFirstDelayMs = 60'000;
constexpr std::int64_t kLongestDelayMs = 3'600'000;

std::int64_t delay_after(std::int64_t tries) {
  // Six doublings go beyond the longest already.
  const std::int64_t doublings = std::min<std::int64_t>(tries, 6);
  return std::min(kLongestDelayMs, kFirstDelayMs << doublings);
}

std::string fact_of(const std::string& label, const std::string& place) {
  return fmt::format("reconciled {} {}", label, place);
}

using Key = std::tuple<std::string, std::string, std::string>;

Key key_of(const Thing& thing) {
  return {thing.kind, thing.place, thing.name};
}

}  // namespace

Thing thing_of(const LeakRow& row) {
  return {row.kind, row.place, row.name, row.container, row.job};
}

const Part* part_of(const std::vector<Part>& parts, const Thing& thing) {
  const Part* any_place = nullptr;
  for (const Part& part : parts) {
    if (part.kind == thing.kind && part.place == thing.place) {
      return &part;
    }
    if (part.kind == thing.kind && part.place.empty()) {
      any_place = &part;
    }
  }
  return any_place;
}

json::Object leak_view(const LeakRow& row) {
  json::Object view{{"id", id_of(row)},      {"kind", row.kind},           {"place", row.place},
                    {"name", row.name},      {"container", row.container}, {"job", row.job},
                    {"seen_at", row.seen_at}};
  view.set("collect_at", row.collect_at == 0 ? json::Value() : json::Value(row.collect_at));
  view.set("tries", row.tries);
  view.set("message", row.message);
  return view;
}

Result<> Leaks::tell(const LeakRow& row, const std::string& what) {
  json::Object data{
      {"kind", row.kind}, {"name", row.name}, {"container", row.container}, {"job", row.job}};
  if (!row.place.empty()) {
    data.set("place", row.place);
  }
  if (what != "collected") {
    if (row.collect_at != 0) {
      data.set("collect_at", row.collect_at);
    }
    if (!row.message.empty()) {
      data.set("message", row.message);
    }
  }
  return books_.tell(Event{.kind = "resource",
                           .object = fmt::format("{}:{}", row.kind, row.name),
                           .what = what,
                           .job = "",
                           .data = std::move(data)});
}

Result<std::string> Leaks::why_left(const Thing& thing, bool first_look) const {
  if (thing.kind == "lease" && thing.job.empty()) {
    return std::string(
        "its file cannot be read, so that nobody can tell whose the address is: once ordered, it "
        "goes if Proxmox says that nobody has it");
  }
  if (first_look) {
    return std::string(
        "it was there before this node's journal, which therefore cannot tell whose it is");
  }
  if (thing.kind == "container" && thing.place == to_string(RuntimeKind::pve_lxc) &&
      !TRY(books_.journal().job(thing.job))) {
    return fmt::format("this node has never known job {}: the guest may have come from another",
                       thing.job);
  }
  if (thing.kind == "container" && thing.place == to_string(RuntimeKind::pve_lxc)) {
    const std::optional<JobRow> deletion =
        TRY(books_.journal().last_deletion(thing.container, thing.job));
    if (deletion && deletion->state == JobState::succeeded) {
      return fmt::format(
          "container {} of job {} was deleted: somebody has restored its guest from a backup",
          thing.container, thing.job);
    }
  }
  const std::optional<JobRow> maker = TRY(books_.journal().job(thing.job));
  if (thing.kind == "container" && thing.place == to_string(RuntimeKind::pve_lxc) && maker &&
      maker->state == JobState::succeeded) {
    return fmt::format(
        "container {} of job {} has left this node, and its guest has come back: adopt it",
        thing.container, thing.job);
  }
  if (!node_.config.reconcile.collect) {
    return std::string("reconcile.collect is false");
  }
  return std::string();
}

Result<> Leaks::add(const Thing& thing, bool first_look) {
  LeakRow row{thing.kind, thing.place, thing.name, thing.container, thing.job, clock_.unix_ms()};
  row.message = TRY(why_left(thing, first_look));
  if (row.message.empty()) {
    constexpr std::int64_t kMs = 1000;
    row.collect_at = row.seen_at + node_.config.reconcile.grace_s * kMs;
  }
  TRY(books_.journal().put_leak(row));
  return tell(row, "leaked");
}

Result<> Leaks::note(const std::vector<Part>& parts, const Sight& sight, const Known& known) {
  Journal& journal = books_.journal();
  const std::vector<LeakRow> leaks = TRY(journal.leaks());
  std::map<Key, LeakRow> rows;
  for (const LeakRow& row : leaks) {
    if (row.kind != kUndo) {
      rows.emplace(key_of(thing_of(row)), row);
    }
  }
  // Each place has its own: a storage may come, or come back, at any time.
  std::set<std::pair<std::string, std::string>> first_looks;
  for (const auto& [label, places] : sight.places) {
    for (const std::string& place : places) {
      const std::string fact = fact_of(label, place);
      if (TRY(journal.fact(fact)).empty()) {
        first_looks.emplace(label, place);
        TRY(journal.set_fact(fact, "1"));
      }
    }
  }
  for (const Thing& thing : sight.things) {
    if (TRY(known.has(journal, thing))) {
      continue;
    }
    const auto row = rows.find(key_of(thing));
    if (row != rows.end() && thing_of(row->second) == thing) {
      rows.erase(row);
      continue;
    }
    const Part* part = part_of(parts, thing);
    TRY(add(thing, part != nullptr && first_looks.contains({part->label, thing.place})));
    if (row != rows.end()) {
      rows.erase(row);
    }
  }
  for (const auto& [key, row] : rows) {
    const Part* part = part_of(parts, thing_of(row));
    if (part != nullptr && sight.has_looked_at(*part, row.place)) {
      TRY(strike_off(row));
    }
  }
  return {};
}

Result<std::vector<std::string>> Leaks::note_undone() {
  Journal& journal = books_.journal();
  const std::vector<ContainerRow> containers = TRY(journal.containers());
  const std::vector<LeakRow> leaks = TRY(journal.leaks());
  const std::vector<JobRow> jobs = TRY(journal.unfinished());
  std::set<std::string_view> waited_for;
  for (const JobRow& job : jobs) {
    waited_for.insert(job.target);
  }
  std::map<std::string, LeakRow> rows;
  for (const LeakRow& row : leaks) {
    if (row.kind == kUndo) {
      rows.emplace(row.name, row);
    }
  }
  std::vector<std::string> due;
  for (const ContainerRow& container : containers) {
    const auto row = rows.find(container.name);
    const bool goes = container.wanted == Wanted::gone;
    const bool at_rest = !waited_for.contains(container.name);
    const bool left = goes && at_rest;
    if (row != rows.end() && row->second.job != container.job) {
      continue;  // another container of that name: the one that was left is gone
    }
    if (row == rows.end()) {
      if (left) {
        LeakRow added{kUndo, "", container.name, container.name, container.job, clock_.unix_ms()};
        added.collect_at = added.seen_at + kFirstDelayMs;
        added.message = "what was made for it could not be taken back";
        TRY(journal.put_leak(added));
        TRY(tell(added, "leaked"));
      }
      continue;
    }
    if (!goes && at_rest) {
      TRY(strike_off(row->second));  // somebody wants it again, and has it
    } else if (left && TRY(is_due(row->second))) {
      row->second.collect_at = clock_.unix_ms() + delay_after(++row->second.tries);
      TRY(journal.put_leak(row->second));
      due.push_back(container.name);
    }
    rows.erase(row);
  }
  for (const auto& [name, row] : rows) {
    TRY(collected(row));
  }
  return due;
}

Result<bool> Leaks::is_due(const LeakRow& row) const {
  return (row.ordered || node_.config.reconcile.collect) && row.collect_at != 0 &&
         row.collect_at <= clock_.unix_ms();
}

Result<> Leaks::collected(const LeakRow& row) {
  TRY(strike_off(row));
  return tell(row, "collected");
}

Result<> Leaks::kept(LeakRow row, const std::string& why) {
  row.collect_at = clock_.unix_ms() + delay_after(row.tries++);
  row.message = why;
  TRY(books_.journal().put_leak(row));
  return tell(row, "kept");
}

Result<std::vector<LeakRow>> order_leaks(Journal& journal, const std::vector<std::string>& names,
                                         std::int64_t now_unix_ms) {
  const std::vector<LeakRow> leaks = TRY(journal.leaks());
  for (const std::string& name : names) {
    if (std::none_of(leaks.begin(), leaks.end(),
                     [&name](const LeakRow& row) { return row.name == name; })) {
      return fail(Code::not_found,
                  "collect {}: this node knows no such leak; drover leaks names those there are",
                  name);
    }
  }
  std::vector<LeakRow> ordered;
  for (LeakRow row : leaks) {
    const bool named = std::find(names.begin(), names.end(), row.name) != names.end();
    if (named || (names.empty() && row.collect_at != 0)) {
      row.ordered = true;
      row.collect_at = now_unix_ms;
      TRY(journal.put_leak(row));
      ordered.push_back(std::move(row));
    }
  }
  return ordered;
}

}  // namespace drover::jobs
