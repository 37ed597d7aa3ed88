// Database: one SQLite file, its statements kept prepared.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "agent/core/result.h"
#include "agent/system/file.h"

namespace drover::jobs {

/// A prepared statement being bound and stepped; reset when it goes. Belongs to one thread.
class Statement {
 public:
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
  Statement(Statement&& other) noexcept : statement_(std::exchange(other.statement_, nullptr)) {}
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
  int bound_ = 0;
};

/// WAL with synchronous=FULL: what `commit` returned for is on the disk. One thread.
class Database {
 public:
  static Result<std::unique_ptr<Database>> open(const system::Path& path);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// The statement of this text, prepared once. `sql` is a literal of ours, never input.
  Result<Statement> prepare(const char* sql);
  Result<> execute(const char* sql);
  /// Begins a transaction unless one is open.
  Result<> begin();
  /// Ends it; without one it does nothing.
  Result<> commit();
  Result<> rollback();
  bool in_transaction() const { return sqlite3_get_autocommit(handle_) == 0; }

 private:
  explicit Database(sqlite3* handle) : handle_(handle) {}
  Failure failed(std::string_view what) const;

  sqlite3* handle_;
  std::map<std::string, sqlite3_stmt*, std::less<>> statements_;
};

}  // namespace drover::jobs
