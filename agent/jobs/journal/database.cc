#include "agent/jobs/journal/database.h"

#include <system_error>

namespace drover::jobs {
namespace {

/// Of an extended code the primary one.
int primary(int error) {
  return error & 0xff;
}

/// What may work later: space comes back, another program lets go of the file, a file system that
/// was made read-only is repaired.
Code code_of(int error) {
  switch (primary(error)) {
    case SQLITE_FULL:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_IOERR:
    case SQLITE_NOMEM:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
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
  return database_->failed();
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
  // Closes the handle whatever follows.
  std::unique_ptr<Database> database(new Database(handle, path));
  if (result != SQLITE_OK) {
    return database->failed();
  }
  sqlite3_busy_timeout(handle, 5000);
  // The log is cut back to 4 MiB once it was written back. Pages are given back by steps
  // (incremental_vacuum), which has to be said before anything is in the file.
  for (const char* setting : {"PRAGMA auto_vacuum=INCREMENTAL", "PRAGMA journal_mode=WAL",
                              "PRAGMA journal_size_limit=4194304", "PRAGMA synchronous=NORMAL",
                              "PRAGMA foreign_keys=ON", "PRAGMA trusted_schema=OFF"}) {
    TRY(database->execute(setting).context("open"));
  }
  return database;
}

Result<std::unique_ptr<Database>> Database::look_into(const system::Path& path) {
  std::string address = "file:";
  for (const char c : path.native()) {
    address += c == '?' || c == '#' || c == '%' ? fmt::format("%{:02x}", static_cast<unsigned>(c))
                                                : std::string(1, c);
  }
  // Whoever has a journal open has a log beside it. Without one no locks are needed, which would be
  // files that stay.
  std::error_code error;
  if (!std::filesystem::exists(path.native() + "-wal", error)) {
    address += "?immutable=1";
  }
  sqlite3* handle = nullptr;
  const int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX;
  const int result = sqlite3_open_v2(address.c_str(), &handle, flags, nullptr);
  std::unique_ptr<Database> database(new Database(handle, path));
  if (result != SQLITE_OK) {
    return database->failed();
  }
  sqlite3_busy_timeout(handle, 5000);
  // What is read from here on is of one moment.
  TRY(database->execute("BEGIN"));
  return database;
}

Database::~Database() {
  for (const auto& [sql, statement] : statements_) {
    sqlite3_finalize(statement);
  }
  sqlite3_close(handle_);
}

Failure Database::failed() {
  const int error = sqlite3_extended_errcode(handle_);
  Error failure{
      code_of(error), fmt::format("journal {}: {}", path_.native(), sqlite3_errmsg(handle_)), {}};
  const bool damaged = primary(error) == SQLITE_CORRUPT || primary(error) == SQLITE_NOTADB;
  if (damaged && damage_.empty()) {
    damage_ = sqlite3_errmsg(handle_);
  }
  if ((damaged || failure.code == Code::unavailable) && !spoiled_) {
    spoiled_ = failure;
  }
  return Failure(std::move(failure));
}

Result<Statement> Database::prepare(const char* sql) {
  const auto known = statements_.find(std::string_view(sql));
  if (known != statements_.end()) {
    return Statement(known->second, *this);
  }
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v3(handle_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr) !=
      SQLITE_OK) {
    return failed();
  }
  statements_.emplace(sql, statement);
  return Statement(statement, *this);
}

Result<> Database::execute(const char* sql) {
  if (sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
    return failed();
  }
  return {};
}

Result<> Database::begin() {
  if (spoiled_) {
    return Failure(*spoiled_);
  }
  if (!open_) {
    TRY(execute("BEGIN IMMEDIATE"));
    open_ = true;
  }
  return {};
}

Result<> Database::commit() {
  if (spoiled_) {
    Error why = std::move(*spoiled_);
    TRY(rollback());
    return Failure(std::move(why));
  }
  if (!open_) {
    return {};
  }
  Result<> committed = execute("COMMIT");
  if (!committed) {
    TRY(rollback());
  }
  open_ = false;
  return committed;
}

Result<> Database::sync() {
  // As SQLite does at each commit with synchronous=FULL (pragma.html#pragma_synchronous).
  sqlite3_file* log = nullptr;
  int result = sqlite3_file_control(handle_, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
  if (result == SQLITE_OK) {
    result = log == nullptr || log->pMethods == nullptr
                 ? SQLITE_CANTOPEN
                 : log->pMethods->xSync(log, SQLITE_SYNC_NORMAL);
  }
  if (result == SQLITE_OK) {
    return {};
  }
  // The kernel tells that once, and forgets what it could not write: another sync would succeed.
  damage_ = fmt::format("its log could not be synced: {}", sqlite3_errstr(result));
  return fail(Code::broken, "journal {}: {}", path_.native(), damage_);
}

Result<> Database::rollback() {
  // A failure of the disk may have rolled it back already.
  const bool open = sqlite3_get_autocommit(handle_) == 0;
  Result<> rolled = open ? execute("ROLLBACK") : Result<>();
  open_ = false;
  spoiled_.reset();
  return rolled;
}

}  // namespace drover::jobs
