#include "agent/jobs/database.h"

namespace drover::jobs {
namespace {

Code code_of(int error) {
  switch (error & 0xff) {
    case SQLITE_FULL:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_IOERR:
      return Code::unavailable;
    default:
      return Code::broken;
  }
}

}  // namespace

Statement::~Statement() {
  if (statement_ != nullptr) {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }
}

Statement& Statement::with(std::string_view text) {
  sqlite3_bind_text(statement_, ++bound_, text.data(), static_cast<int>(text.size()),
                    SQLITE_TRANSIENT);  // NOLINT: SQLite's own macro
  return *this;
}

Statement& Statement::with(std::int64_t number) {
  sqlite3_bind_int64(statement_, ++bound_, number);
  return *this;
}

Result<bool> Statement::step() {
  const int result = sqlite3_step(statement_);
  if (result == SQLITE_ROW || result == SQLITE_DONE) {
    return result == SQLITE_ROW;
  }
  sqlite3* handle = sqlite3_db_handle(statement_);
  return fail(code_of(result), "journal: {}", sqlite3_errmsg(handle));
}

Result<> Statement::done() {
  while (TRY(step())) {
  }
  return {};
}

std::string Statement::text(int column) const {
  const auto* bytes =
      static_cast<const char*>(static_cast<const void*>(sqlite3_column_text(statement_, column)));
  const int size = sqlite3_column_bytes(statement_, column);
  return bytes == nullptr ? std::string() : std::string(bytes, static_cast<std::size_t>(size));
}

Result<std::unique_ptr<Database>> Database::open(const system::Path& path) {
  sqlite3* handle = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int result = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
  std::unique_ptr<Database> database(new Database(handle));  // closes the handle whatever follows
  if (result != SQLITE_OK) {
    return database->failed("open journal " + path.native());
  }
  sqlite3_busy_timeout(handle, 5000);
  // The log is cut back to 4 MiB once it was written back. Pages are given back by steps
  // (incremental_vacuum), which has to be said before anything is in the file.
  for (const char* setting : {"PRAGMA auto_vacuum=INCREMENTAL", "PRAGMA journal_mode=WAL",
                              "PRAGMA journal_size_limit=4194304", "PRAGMA synchronous=FULL",
                              "PRAGMA foreign_keys=ON", "PRAGMA trusted_schema=OFF"}) {
    TRY(database->execute(setting).context("open journal " + path.native()));
  }
  return database;
}

Database::~Database() {
  for (const auto& [sql, statement] : statements_) {
    sqlite3_finalize(statement);
  }
  sqlite3_close(handle_);
}

Failure Database::failed(std::string_view what) const {
  return fail(code_of(sqlite3_extended_errcode(handle_)), "{}: {}", what, sqlite3_errmsg(handle_));
}

Result<Statement> Database::prepare(const char* sql) {
  const auto known = statements_.find(std::string_view(sql));
  if (known != statements_.end()) {
    return Statement(known->second);
  }
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v3(handle_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr) !=
      SQLITE_OK) {
    return failed("journal: prepare");
  }
  statements_.emplace(sql, statement);
  return Statement(statement);
}

Result<> Database::execute(const char* sql) {
  if (sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
    return failed("journal");
  }
  return {};
}

Result<> Database::begin() {
  if (!in_transaction()) {
    TRY(execute("BEGIN IMMEDIATE"));
  }
  return {};
}

Result<> Database::commit() {
  if (!in_transaction()) {
    return {};
  }
  Result<> committed = execute("COMMIT");
  if (!committed) {
    TRY(rollback());
  }
  return committed;
}

Result<> Database::rollback() {
  // A failure of the disk may have rolled it back already.
  return in_transaction() ? execute("ROLLBACK") : Result<>();
}

}  // namespace drover::jobs
