#include "agent/jobs/journal/journal_check.h"

#include <array>
#include <system_error>

#include "agent/jobs/journal/database.h"
#include "agent/jobs/journal/journal_schema.h"

namespace drover::jobs {
namespace {

/// What must never be found: each query gives how often it is, and the first one there is.
struct Invariant {
  const char* query;
  const char* fault;
  std::int64_t since = 1;  ///< the version whose tables it asks
};

constexpr std::array kInvariants = {
    Invariant{"SELECT count(*), min(job) FROM steps WHERE job NOT IN (SELECT id FROM jobs)",
              "steps of jobs that are not there"},
    Invariant{"SELECT count(*), min(name) FROM containers WHERE job NOT IN (SELECT id FROM jobs)",
              "containers whose job is not there"},
    Invariant{"SELECT count(*), min(id) FROM jobs WHERE state NOT IN "
              "('queued', 'running', 'succeeded', 'failed', 'cancelled')",
              "jobs in no known state"},
    Invariant{"SELECT count(*), min(id) FROM jobs WHERE (ended_at > 0) <> "
              "(state IN ('succeeded', 'failed', 'cancelled'))",
              "jobs whose state does not fit their end"},
    Invariant{"SELECT count(*), min(id) FROM jobs WHERE NOT json_valid(request) OR "
              "NOT json_valid(result)",
              "jobs whose request or result is no JSON"},
    Invariant{"SELECT count(*), min(job || ' ' || number) FROM steps WHERE NOT json_valid(data) "
              "OR state NOT IN ('intent', 'done', 'undone')",
              "steps in no known state, or whose data is no JSON"},
    Invariant{"SELECT count(*), min(name) FROM containers WHERE NOT json_valid(container) OR "
              "NOT json_valid(exit)",
              "containers whose record or exit is no JSON"},
    Invariant{"SELECT count(*), min(seq) FROM events WHERE NOT json_valid(data)",
              "events whose data is no JSON"},
    Invariant{"SELECT coalesce(max(seq) - min(seq) + 1 - count(*), 0), min(seq) FROM events",
              "events missing between the oldest and the newest"},
    Invariant{"SELECT count(*), min(kind) FROM (SELECT kind, max(kseq) - min(kseq) + 1 - count(*) "
              "AS missing FROM events GROUP BY kind) WHERE missing <> 0",
              "kinds whose events are not numbered one after the other"},
    Invariant{"SELECT count(*), max(seq) FROM (SELECT max(seq) AS seq FROM events) WHERE seq <> "
              "coalesce((SELECT value FROM counters WHERE name = 'node'), 0)",
              "counter of the node that is not that of its newest event"},
    Invariant{"SELECT count(*), min(kind) FROM (SELECT kind, max(kseq) AS last FROM events GROUP "
              "BY kind) WHERE last <> "
              "coalesce((SELECT value FROM counters WHERE name = 'kind/' || kind), 0)",
              "counters of kinds that are not those of their newest events"},
    Invariant{"SELECT count(*), min(kind || ' ' || object) FROM (SELECT kind, object, max(oseq) AS "
              "last FROM events GROUP BY kind, object) WHERE last <> coalesce((SELECT value FROM "
              "counters WHERE name = 'object/' || kind || '/' || object), 0)",
              "counters of objects that are not those of their newest events"},
    Invariant{"SELECT count(*), min(id) FROM jobs WHERE NOT json_valid(error)",
              "jobs whose error is no JSON", 2},
    Invariant{"SELECT count(*), min(name) FROM containers WHERE NOT json_valid(restarts) OR "
              "wanted NOT IN ('running', 'stopped', 'gone')",
              "containers of which nobody can tell whether they shall run", 2},
    Invariant{"SELECT count(*), min(name) FROM images WHERE digest NOT GLOB 'sha256:?*' "
              "OR substr(digest, 8) GLOB '*[^0-9a-f]*' OR bytes < 0",
              "images whose digest or size is none", 3},
    Invariant{"SELECT count(*), min(name) FROM volumes WHERE NOT json_valid(volume) OR "
              "size_mib < 0 OR job = ''",
              "volumes whose record, size or job is none", 3},
    Invariant{"SELECT count(*), min(name) FROM volumes WHERE busy <> '' AND "
              "busy NOT IN (SELECT id FROM jobs WHERE ended_at = 0)",
              "volumes held by a job that is not there, or has ended", 3},
    Invariant{"SELECT count(*), min(name) FROM volumes WHERE volume = 'null' AND busy = ''",
              "volumes that were never made, and that no job makes", 3},
    Invariant{"SELECT count(*), min(name) FROM networks WHERE vlan_aware NOT IN (0, 1)",
              "networks whose kind is none", 3},
    Invariant{"SELECT count(*), min(name) FROM networks WHERE busy <> '' AND "
              "busy NOT IN (SELECT id FROM jobs WHERE ended_at = 0)",
              "networks held by a job that is not there, or has ended", 3},
    Invariant{"SELECT count(*), min(job) FROM deleted WHERE NOT json_valid(view) OR at <= 0 OR "
              "bytes < 0",
              "deleted containers whose view, time or size is none", 3},
    Invariant{"SELECT count(*), min(job) FROM deleted WHERE job IN (SELECT job FROM containers)",
              "deleted containers that are there", 3},
    Invariant{"SELECT count(*), min(kind || ' ' || name) FROM leaks WHERE kind = '' OR name = '' "
              "OR seen_at <= 0 OR collect_at < 0 OR tries < 0 OR ordered NOT IN (0, 1)",
              "leaks without a kind or name, or with a time that is none", 3},
    Invariant{"SELECT count(*), min(kind || ' ' || name) FROM leaks WHERE ordered = 1 AND "
              "collect_at = 0",
              "leaks whose removal was ordered for no time", 3},
};

/// Faults that SQLite names are followed up to this one.
constexpr std::size_t kMostFaults = 100;

Result<std::int64_t> number_of(Database& database, const char* query) {
  Statement statement = TRY(database.prepare(query));
  return TRY(statement.step()) ? statement.number(0) : 0;
}

/// One line each of what SQLite finds.
Result<std::vector<std::string>> find_damage(Database& database, bool thorough) {
  Statement check =
      TRY(database.prepare(thorough ? "PRAGMA integrity_check" : "PRAGMA quick_check"));
  std::vector<std::string> lines;
  while (lines.size() < kMostFaults && TRY(check.step())) {
    if (const std::string line = check.text(0); line != "ok") {
      lines.push_back(line);
    }
  }
  return lines;
}

Result<> count(Database& database, JournalReport& report) {
  for (const auto& [query, value] : {
           std::pair("SELECT count(*) FROM jobs", &report.jobs),
           std::pair("SELECT count(*) FROM jobs WHERE ended_at = 0", &report.unfinished),
           std::pair("SELECT count(*) FROM containers", &report.containers),
           std::pair("SELECT count(*) FROM events", &report.events),
           std::pair("SELECT coalesce(min(seq), 0) FROM events", &report.oldest),
           std::pair("SELECT value FROM counters WHERE name = 'node'", &report.head),
       }) {
    *value = TRY(number_of(database, query));
  }
  Statement epoch = TRY(database.prepare("SELECT value FROM meta WHERE key = 'epoch'"));
  if (TRY(epoch.step())) {
    report.epoch = epoch.text(0);
  } else {
    report.faults.emplace_back("it has no epoch");
  }
  return {};
}

Result<> check_invariants(Database& database, JournalReport& report) {
  for (const Invariant& invariant : kInvariants) {
    if (invariant.since > report.version) {
      continue;
    }
    Statement query = TRY(database.prepare(invariant.query));
    if (TRY(query.step()) && query.number(0) != 0) {
      report.faults.push_back(
          fmt::format("{} {}; the first: {}", query.number(0), invariant.fault, query.text(1)));
    }
  }
  return {};
}

Result<> check_open(Database& database, JournalReport& report) {
  report.version = TRY(number_of(database, "PRAGMA user_version"));
  report.faults = TRY(find_damage(database, true));
  if (!report.faults.empty()) {
    return {};  // whatever it says is not to be believed
  }
  if (report.version < 1 || report.version > newest_version()) {
    report.faults.push_back(
        report.version < 1
            ? std::string("it is a database, but no journal")
            : fmt::format("it has version {} and this program knows {}: check it with the drover "
                          "that wrote it",
                          report.version, newest_version()));
    return {};
  }
  TRY(count(database, report));
  return check_invariants(database, report);
}

/// `not_found`, or that it is no file.
Result<std::uint64_t> size_of(const system::Path& path) {
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (error) {
    return fail(error == std::errc::no_such_file_or_directory ? Code::not_found : Code::broken,
                "check journal {}: {}", path.native(), error.message());
  }
  return size;
}

constexpr const char* kEmptyFile = "the file is empty";

}  // namespace

Result<JournalReport> check_journal(const system::Path& path) {
  JournalReport report;
  report.path = path;
  report.bytes = TRY(size_of(path));
  const std::unique_ptr<Database> database = TRY(Database::look_into(path));
  const Result<> checked = check_open(*database, report);
  if (!checked) {
    if (database->damage().empty()) {
      return Failure(checked.error());
    }
    report.faults.push_back(database->damage());
  } else if (report.bytes == 0 && report.version == 0) {
    report.faults = {kEmptyFile};
  }
  return report;
}

Result<std::string> damage_of(const system::Path& path, bool thorough) {
  const std::uint64_t bytes = TRY(size_of(path));
  const std::unique_ptr<Database> database = TRY(Database::look_into(path));
  const auto look = [&]() -> Result<std::string> {
    if (bytes == 0 && TRY(number_of(*database, "PRAGMA user_version")) == 0) {
      return std::string(kEmptyFile);
    }
    const std::vector<std::string> lines = TRY(find_damage(*database, thorough));
    return lines.empty() ? std::string() : lines.front();
  };
  Result<std::string> found = look();
  if (!found && !database->damage().empty()) {
    return database->damage();
  }
  return found;
}

json::Value to_json(const JournalReport& report) {
  return json::Object{{"path", report.path.native()},
                      {"bytes", report.bytes},
                      {"version", report.version},
                      {"epoch", report.epoch},
                      {"jobs", report.jobs},
                      {"unfinished", report.unfinished},
                      {"containers", report.containers},
                      {"events", report.events},
                      {"oldest", report.oldest},
                      {"head", report.head},
                      {"faults", json::Array(report.faults.begin(), report.faults.end())}};
}

}  // namespace drover::jobs
