#include "agent/jobs/journal/journal.h"

#include <algorithm>
#include <array>

#include "agent/core/ids.h"
#include "agent/jobs/journal/journal_schema.h"
#include "agent/jobs/journal/rows.h"

namespace drover::jobs {
namespace {

constexpr std::string_view kJobs =
    "SELECT id, verb, target, request, state, result, created_at, ended_at, attempt, not_before, "
    "ending, error, made_by, sender, via FROM jobs ";
constexpr std::string_view kContainers =
    "SELECT name, runtime, job, container, status, exit, created_at, wanted, restarts "
    "FROM containers ";

constexpr std::array<std::string_view, 3> kWanted = {"running", "stopped", "gone"};

constexpr std::array<std::string_view, 3> kStepStates = {"intent", "done", "undone"};

StepState step_state_from(std::string_view name) {
  for (std::size_t i = 0; i < kStepStates.size(); ++i) {
    if (kStepStates.at(i) == name) {
      return static_cast<StepState>(i);
    }
  }
  return StepState::intent;
}

JobRow job_of(const Statement& row) {
  return JobRow{row.text(0),
                row.text(1),
                row.text(2),
                row.text(3),
                job_state_from(row.text(4)).value_or(JobState::failed),
                row.text(5),
                row.number(6),
                row.number(7),
                row.number(8),
                row.number(9),
                row.text(10),
                row.text(11),
                row.text(12),
                row.text(13),
                row.text(14)};
}

StepRow step_of(const Statement& row) {
  return {row.text(0), row.number(1), row.text(2), row.text(3), step_state_from(row.text(4)),
          row.text(5)};
}

Result<ContainerRow> container_of(const Statement& row) {
  ContainerRow container{row.text(0),
                         row.text(1),
                         row.text(2),
                         row.text(3),
                         status_from(row.text(4)).value_or(Status::unknown),
                         std::nullopt,
                         row.number(6),
                         wanted_from(row.text(7)),
                         row.text(8)};
  const json::Value exit = TRY(json::parse(row.text(5)));
  if (!exit.is_null()) {
    container.exit = exit_from_json(exit);
  }
  return container;
}

}  // namespace

std::string_view to_string(Wanted wanted) {
  return kWanted.at(static_cast<std::size_t>(wanted));
}
Wanted wanted_from(std::string_view name) {
  const auto found = std::find(kWanted.begin(), kWanted.end(), name);
  return found == kWanted.end() ? Wanted::running : static_cast<Wanted>(found - kWanted.begin());
}
std::string_view to_string(StepState state) {
  return kStepStates.at(static_cast<std::size_t>(state));
}

Result<std::unique_ptr<Journal>> Journal::open(const system::Path& path, system::Clock& clock) {
  std::unique_ptr<Database> database = TRY(Database::open(path));
  std::unique_ptr<Journal> journal(new Journal(std::move(database), clock));
  TRY(journal->prepare_file().context("open journal " + path.native()));
  return journal;
}

Result<> Journal::prepare_file() {
  TRY(migrate(*database_));
  TRY(database_->begin());
  {
    Statement insert =
        TRY(database_->prepare("INSERT OR IGNORE INTO meta(key, value) VALUES('epoch', ?)"));
    const auto now = static_cast<std::uint64_t>(clock_.unix_ms());
    TRY(insert.with(make_uuid7(now)).done());
  }
  {
    Statement query = TRY(database_->prepare("SELECT value FROM meta WHERE key = 'epoch'"));
    if (TRY(query.step())) {
      epoch_ = query.text(0);
    }
  }
  TRY(read_counts());
  TRY(commit());
  return sync();
}

Result<std::string> Journal::fact(const std::string& name) {
  if (const auto known = facts_.find(name); known != facts_.end()) {
    return known->second;
  }
  Statement query = TRY(database_->prepare("SELECT value FROM meta WHERE key = ?"));
  query.with(name);
  const std::string value = TRY(query.step()) ? query.text(0) : std::string();
  return facts_.insert_or_assign(name, value).first->second;
}

Result<> Journal::set_fact(const std::string& name, const std::string& value) {
  TRY(database_->begin());
  Statement put = TRY(database_->prepare("INSERT OR REPLACE INTO meta(key, value) VALUES(?, ?)"));
  TRY(put.with(name).with(value).done());
  facts_.insert_or_assign(name, value);
  return {};
}

Result<> Journal::add_job(const JobRow& row) {
  TRY(database_->begin());
  Statement insert = TRY(database_->prepare(
      "INSERT INTO jobs(id, verb, target, request, state, result, created_at, ended_at, dated, "
      "made_by, sender, via) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
  insert.with(row.id).with(row.verb).with(row.target).with(row.request);
  insert.with(to_string(row.state)).with(row.result).with(row.created_at).with(row.ended_at);
  insert.with(uuid7_time(row.id).value_or(0)).with(row.made_by).with(row.sender).with(row.via);
  return insert.done();
}

Result<> Journal::set_job(const std::string& id, JobState state, const std::string& result,
                          std::int64_t ended_at) {
  TRY(database_->begin());
  Statement update =
      TRY(database_->prepare("UPDATE jobs SET state = ?, result = ?, ended_at = ? WHERE id = ?"));
  return update.with(to_string(state)).with(result).with(ended_at).with(id).done();
}

Result<> Journal::begin_job(const std::string& id, std::int64_t attempt) {
  TRY(database_->begin());
  Statement update =
      TRY(database_->prepare("UPDATE jobs SET state = 'running', attempt = ?, not_before = 0 "
                             "WHERE id = ? AND ended_at = 0 RETURNING attempt"));
  update.with(attempt).with(id);
  if (!TRY(update.step())) {
    return fail(Code::not_found, "begin job {}: it has ended, or is not in the journal", id);
  }
  return update.done();
}

Result<> Journal::retry_job(const std::string& id, std::int64_t not_before) {
  TRY(database_->begin());
  Statement update =
      TRY(database_->prepare("UPDATE jobs SET state = 'queued', not_before = ? WHERE id = ?"));
  return update.with(not_before).with(id).done();
}

Result<> Journal::ask_to_end(const std::string& id, std::string_view why) {
  TRY(database_->begin());
  Statement update =
      TRY(database_->prepare("UPDATE jobs SET ending = ? WHERE id = ? AND ended_at = 0"));
  return update.with(why).with(id).done();
}

Result<> Journal::begin_undo(const std::string& id, const std::string& error) {
  TRY(database_->begin());
  Statement update = TRY(database_->prepare("UPDATE jobs SET error = ? WHERE id = ?"));
  return update.with(error).with(id).done();
}

Result<std::optional<JobRow>> Journal::job(const std::string& id) {
  Statement query = TRY(database_->prepare(selecting(kJobs, "WHERE id = ?").c_str()));
  return first_row(query.with(id), job_of);
}

Result<std::vector<JobRow>> Journal::jobs(std::int64_t most) {
  Statement query = TRY(database_->prepare(selecting(kJobs, "ORDER BY n DESC LIMIT ?").c_str()));
  return all_rows(query.with(most), job_of);
}

Result<std::vector<JobRow>> Journal::unfinished() {
  Statement query =
      TRY(database_->prepare(selecting(kJobs, "WHERE ended_at = 0 ORDER BY n").c_str()));
  return all_rows(query, job_of);
}

Result<bool> Journal::has_unfinished(const std::string& container) {
  Statement query =
      TRY(database_->prepare("SELECT 1 FROM jobs WHERE target = ? AND ended_at = 0 "
                             "AND verb LIKE 'container.%' LIMIT 1"));
  query.with(container);
  return query.step();
}

Result<std::int64_t> Journal::count_unfinished(const std::string& sender) {
  Statement query =
      TRY(database_->prepare("SELECT count(*) FROM jobs WHERE sender = ? AND ended_at = 0"));
  query.with(sender);
  TRY(query.step());
  return query.number(0);
}

Result<std::optional<JobRow>> Journal::last_deletion(const std::string& container,
                                                     const std::string& after) {
  // The verb is the condition of the index.
  Statement query = TRY(database_->prepare(
      selecting(kJobs,
                "WHERE verb = 'container.delete' AND target = ? AND attempt > 0 "
                "AND state <> 'cancelled' AND n > coalesce((SELECT n FROM jobs WHERE id = ?), 0) "
                "ORDER BY n DESC LIMIT 1")
          .c_str()));
  return first_row(query.with(container).with(after), job_of);
}

Result<std::vector<JobRow>> Journal::ended_since(std::int64_t unix_ms) {
  // The first condition is the one of the index.
  Statement query =
      TRY(database_->prepare(selecting(kJobs, "WHERE ended_at > 0 AND ended_at >= ?").c_str()));
  return all_rows(query.with(unix_ms), job_of);
}

Result<> Journal::put_step(const StepRow& row) {
  TRY(database_->begin());
  Statement put = TRY(database_->prepare(
      "INSERT INTO steps(job, number, name, subject, state, data) VALUES(?, ?, ?, ?, ?, ?) "
      "ON CONFLICT(job, number) DO UPDATE SET state = excluded.state, data = excluded.data"));
  put.with(row.job).with(row.number).with(row.name).with(row.subject);
  return put.with(to_string(row.state)).with(row.data).done();
}

Result<std::vector<StepRow>> Journal::steps(const std::string& job) {
  Statement query = TRY(database_->prepare(
      "SELECT job, number, name, subject, state, data FROM steps WHERE job = ? ORDER BY number"));
  return all_rows(query.with(job), step_of);
}

Result<> Journal::put_container(const ContainerRow& row) {
  TRY(database_->begin());
  touched_.insert(row.name);
  Statement put = TRY(database_->prepare(
      "INSERT OR REPLACE INTO containers(name, runtime, job, container, status, exit, created_at, "
      "wanted, restarts) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)"));
  put.with(row.name).with(row.runtime).with(row.job).with(row.container);
  put.with(to_string(row.status));
  put.with(row.exit ? json::write(to_json(*row.exit)) : std::string("null"));
  return put.with(row.created_at).with(to_string(row.wanted)).with(row.restarts).done();
}

Result<> Journal::erase_container(const std::string& name) {
  TRY(database_->begin());
  touched_.insert(name);
  Statement erase = TRY(database_->prepare("DELETE FROM containers WHERE name = ?"));
  return erase.with(name).done();
}

Result<std::optional<ContainerRow>> Journal::container(const std::string& name) {
  Statement query = TRY(database_->prepare(selecting(kContainers, "WHERE name = ?").c_str()));
  query.with(name);
  if (!TRY(query.step())) {
    return std::optional<ContainerRow>();
  }
  ContainerRow found = TRY(container_of(query));
  return std::optional<ContainerRow>(std::move(found));
}

Result<std::vector<ContainerRow>> Journal::containers(const std::string& after) {
  Statement query =
      TRY(database_->prepare(selecting(kContainers, "WHERE name > ? ORDER BY name").c_str()));
  query.with(after);
  std::vector<ContainerRow> rows;
  while (TRY(query.step())) {
    ContainerRow found = TRY(container_of(query));
    rows.push_back(std::move(found));
  }
  return rows;
}

Result<std::vector<Event>> Journal::events(std::uint64_t after, std::int64_t most) {
  Statement query = TRY(
      database_->prepare("SELECT seq, kseq, oseq, at, kind, object, what, job, data FROM events "
                         "WHERE seq > ? ORDER BY seq LIMIT ?"));
  query.with(static_cast<std::int64_t>(after)).with(most);
  std::vector<Event> events;
  while (TRY(query.step())) {
    Event event = TRY(event_of(query));
    events.push_back(std::move(event));
  }
  return events;
}

/// Of a row of seq, kseq, oseq, at, kind, object, what, job, data.
Result<Event> Journal::event_of(Statement& row) const {
  const json::Value data = TRY(json::parse(row.text(8)));
  return Event{
      .epoch = epoch_,
      .seq = static_cast<std::uint64_t>(row.number(0)),
      .kseq = static_cast<std::uint64_t>(row.number(1)),
      .oseq = static_cast<std::uint64_t>(row.number(2)),
      .at_unix_ms = row.number(3),
      .kind = row.text(4),
      .object = row.text(5),
      .what = row.text(6),
      .job = row.text(7),
      .data = data.object() == nullptr ? json::Object() : *data.object(),
  };
}

Result<> Journal::commit() {
  const bool changed = dirty();
  Result<> committed = write_counts();
  if (committed) {
    committed = database_->commit();
  } else if (const Result<> back = database_->rollback(); !back) {
    committed = back;
  }
  unsynced_ = unsynced_ || (committed && changed);
  // The numbers given out in a failed transaction were never seen by anybody.
  (committed ? committed_ : counts_) = committed ? counts_ : committed_;
  if (!committed) {
    touched_.clear();
    facts_.clear();
  }
  return committed;
}

Result<> Journal::sync() {
  TRY(database_->sync());
  unsynced_ = false;
  return {};
}

}  // namespace drover::jobs
