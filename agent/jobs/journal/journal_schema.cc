#include "agent/jobs/journal/journal_schema.h"

#include <array>

namespace drover::jobs {
namespace {

// What stands here was released: it is added to, never changed.

constexpr const char* kVersion1 = R"(
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE jobs(
  n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, verb TEXT NOT NULL, target TEXT NOT NULL,
  request TEXT NOT NULL, state TEXT NOT NULL, result TEXT NOT NULL,
  created_at INTEGER NOT NULL, ended_at INTEGER NOT NULL);
CREATE INDEX jobs_unfinished ON jobs(n) WHERE ended_at = 0;
CREATE TABLE steps(
  job TEXT NOT NULL, number INTEGER NOT NULL, name TEXT NOT NULL, subject TEXT NOT NULL,
  state TEXT NOT NULL, data TEXT NOT NULL, PRIMARY KEY(job, number)) WITHOUT ROWID;
CREATE TABLE containers(
  name TEXT PRIMARY KEY, runtime TEXT NOT NULL, job TEXT NOT NULL, container TEXT NOT NULL,
  status TEXT NOT NULL, exit TEXT NOT NULL, created_at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE events(
  seq INTEGER PRIMARY KEY, kseq INTEGER NOT NULL, oseq INTEGER NOT NULL, at INTEGER NOT NULL,
  kind TEXT NOT NULL, object TEXT NOT NULL, what TEXT NOT NULL, job TEXT NOT NULL,
  data TEXT NOT NULL);
CREATE TABLE counters(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
)";

// Jobs that are tried again, end by somebody's wish or are being undone; containers that are kept
// running; what housekeeping looks for. `dated` is the time in a job's id, and `seq` of a counter
// the event it counted last.
constexpr const char* kVersion2 = R"(
ALTER TABLE jobs ADD COLUMN attempt INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN not_before INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN ending TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN error TEXT NOT NULL DEFAULT 'null';
ALTER TABLE containers ADD COLUMN wanted TEXT NOT NULL DEFAULT 'running';
ALTER TABLE containers ADD COLUMN restarts TEXT NOT NULL DEFAULT 'null';
ALTER TABLE jobs ADD COLUMN dated INTEGER NOT NULL DEFAULT 0;
CREATE INDEX jobs_ended ON jobs(ended_at) WHERE ended_at > 0;
CREATE INDEX containers_job ON containers(job);
ALTER TABLE counters ADD COLUMN seq INTEGER NOT NULL DEFAULT 0;
UPDATE counters SET seq = (SELECT value FROM counters WHERE name = 'node')
  WHERE name >= 'object/' AND name < 'object0';
CREATE INDEX counters_seq ON counters(seq) WHERE name >= 'object/' AND name < 'object0';
)";

// Images by name; volumes that outlive containers; bridges of the node's own; containers that were
// deleted a while ago, whose logs are kept; things found on the node that no other row knows
// (`leaks`). Jobs of the agent's own tell who made them; whether any is about a container is asked
// often.
constexpr const char* kVersion3 = R"(
CREATE TABLE images(
  name TEXT PRIMARY KEY, digest TEXT NOT NULL, bytes INTEGER NOT NULL, since INTEGER NOT NULL,
  job TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE volumes(
  name TEXT PRIMARY KEY, storage TEXT NOT NULL, size_mib INTEGER NOT NULL, volume TEXT NOT NULL,
  origin TEXT NOT NULL, job TEXT NOT NULL, busy TEXT NOT NULL,
  created_at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE networks(
  name TEXT PRIMARY KEY, address TEXT NOT NULL, vlan_aware INTEGER NOT NULL, job TEXT NOT NULL,
  busy TEXT NOT NULL, created_at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE deleted(
  job TEXT PRIMARY KEY, name TEXT NOT NULL, view TEXT NOT NULL, at INTEGER NOT NULL,
  bytes INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX deleted_name ON deleted(name, at);
CREATE INDEX deleted_at ON deleted(at);
CREATE TABLE leaks(
  kind TEXT NOT NULL, place TEXT NOT NULL, name TEXT NOT NULL, container TEXT NOT NULL,
  job TEXT NOT NULL, seen_at INTEGER NOT NULL, collect_at INTEGER NOT NULL, tries INTEGER NOT NULL,
  ordered INTEGER NOT NULL, message TEXT NOT NULL, PRIMARY KEY(kind, place, name)) WITHOUT ROWID;
ALTER TABLE jobs ADD COLUMN made_by TEXT NOT NULL DEFAULT '';
CREATE INDEX jobs_target ON jobs(target) WHERE ended_at = 0;
)";

// How the last deletion of a container was asked for.
constexpr const char* kVersion4 = R"(
CREATE INDEX jobs_deletions ON jobs(target) WHERE verb = 'container.delete';
)";

// Networks that are Proxmox's to make.
constexpr const char* kVersion5 = R"(
ALTER TABLE networks ADD COLUMN by_proxmox INTEGER NOT NULL DEFAULT 0;
)";

// Networks in zones of Proxmox's SDN.
constexpr const char* kVersion6 = R"(
ALTER TABLE networks ADD COLUMN zone TEXT NOT NULL DEFAULT '';
ALTER TABLE networks ADD COLUMN tag INTEGER NOT NULL DEFAULT 0;
ALTER TABLE networks ADD COLUMN snat INTEGER NOT NULL DEFAULT 0;
ALTER TABLE networks ADD COLUMN addresses_elsewhere INTEGER NOT NULL DEFAULT 0;
)";

// Who has sent a job. Before there was nobody but the node's root.
constexpr const char* kVersion7 = R"(
ALTER TABLE jobs ADD COLUMN sender TEXT NOT NULL DEFAULT '';
UPDATE jobs SET sender = 'local' WHERE made_by = '';
CREATE INDEX jobs_sender ON jobs(sender) WHERE ended_at = 0;
)";

// By which dispatcher a job came.
constexpr const char* kVersion8 = R"(
ALTER TABLE jobs ADD COLUMN via TEXT NOT NULL DEFAULT '';
)";

constexpr std::array kVersions = {kVersion1, kVersion2, kVersion3, kVersion4,
                                  kVersion5, kVersion6, kVersion7, kVersion8};

Result<std::int64_t> version_of(Database& database) {
  Statement query = TRY(database.prepare("PRAGMA user_version"));
  return TRY(query.step()) ? query.number(0) : 0;
}

}  // namespace

std::int64_t newest_version() {
  return static_cast<std::int64_t>(kVersions.size());
}

Result<> migrate(Database& database) {
  TRY(database.begin());
  const std::int64_t version = TRY(version_of(database));
  if (version > newest_version()) {
    TRY(database.rollback());
    return fail(Code::refused,
                "it has version {} and this program knows {}: install the newer drover again",
                version, newest_version());
  }
  for (auto next = static_cast<std::size_t>(version); next < kVersions.size(); ++next) {
    TRY(database.execute(kVersions.at(next)));
    TRY(database.execute(fmt::format("PRAGMA user_version = {}", next + 1).c_str()));
  }
  TRY(database.commit());
  if (version == 1) {
    // Only written anew can a file give pages back one by one. Without it, as on a full disk, it
    // works as well and stays large.
    [[maybe_unused]] const Result<> smaller =
        database.execute("PRAGMA auto_vacuum=INCREMENTAL; VACUUM");
  }
  return {};
}

}  // namespace drover::jobs
