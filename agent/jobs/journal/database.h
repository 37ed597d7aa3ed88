// Database: one SQLite file, its statements kept prepared.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "agent/core/result.h"
#include "agent/system/file.h"

namespace drover::jobs {

class Database;

/// A prepared statement being bound and stepped; reset when it goes. Belongs to one thread.
class Statement {
 public:
  Statement(sqlite3_stmt* statement, Database& database)
      : statement_(statement), database_(&database) {}
  Statement(Statement&& other) noexcept
      : statement_(std::exchange(other.statement_, nullptr)), database_(other.database_) {}
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  Statement& operator=(Statement&&) = delete;
  ~Statement();

  /// Binds the next parameters in order.
  Statement& with(std::string_view text);
  Statement& with(std::int64_t number);
  /// True while there is a row.
  Result<bool> step();
  /// Steps to the end.
  Result<> done();

  std::int64_t number(int column) const { return sqlite3_column_int64(statement_, column); }
  std::string text(int column) const;

 private:
  sqlite3_stmt* statement_;
  Database* database_;
  int bound_ = 0;
};

/// WAL with synchronous=NORMAL: what `sync` returned for is on the disk. One thread.
class Database {
 public:
  static Result<std::unique_ptr<Database>> open(const system::Path& path);
  /// Of a file that is there, for reading all of it as it is now, while another may write it.
  /// Nothing is changed, and of one that nobody has open nothing is made beside it.
  static Result<std::unique_ptr<Database>> look_into(const system::Path& path);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// The statement of this text, prepared once. `sql` is a literal of ours, never input.
  Result<Statement> prepare(const char* sql);
  Result<> execute(const char* sql);
  /// Begins a transaction unless one is open.
  Result<> begin();
  /// Ends it; without one it does nothing. A transaction in which the disk refused one write fails
  /// as a whole: SQLite may have rolled it back in the middle, and nobody could tell which half of
  /// what was written after that belongs to what was written before.
  Result<> commit();
  /// What was committed is on the disk, and outlives the machine's end. Until then it outlives this
  /// process.
  Result<> sync();
  Result<> rollback();
  /// Rows that were changed since the file was opened.
  std::int64_t changes() const { return sqlite3_total_changes(handle_); }
  /// Whether there is something to commit, if only to learn that it is lost.
  bool in_transaction() const { return open_ || spoiled_; }

  /// Why the file can no longer be trusted, "" while it can: SQLite found that it is no database,
  /// or not a whole one.
  const std::string& damage() const { return damage_; }

 private:
  friend class Statement;

  Database(sqlite3* handle, system::Path path) : handle_(handle), path_(std::move(path)) {}
  Failure failed();

  sqlite3* handle_;
  system::Path path_;
  std::map<std::string, sqlite3_stmt*, std::less<>> statements_;
  bool open_ = false;             // a transaction was begun
  std::optional<Error> spoiled_;  // why the next commit fails
  std::string damage_;
};

}  // namespace drover::jobs
