#include "messaging/dispatch/campaigns/sqlite_store.h"

#include <string_view>
#include <utility>

#include "agent/system/lock_file.h"

namespace drover::dispatch {
namespace {

constexpr int kSchemaVersion = 1;

constexpr const char* kSchema =
    "CREATE TABLE campaigns(id TEXT PRIMARY KEY NOT NULL, ordered TEXT NOT NULL);"
    "CREATE TABLE progress(campaign TEXT NOT NULL REFERENCES campaigns(id) ON DELETE CASCADE,"
    " piece INTEGER NOT NULL, content TEXT NOT NULL, PRIMARY KEY(campaign, piece)) WITHOUT ROWID;"
    "PRAGMA user_version=1";

/// What may work later: space comes back, another program lets go of the file.
Code code_of_sqlite(int error) {
  switch (error & 0xff) {
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

/// Prepared, bound in order and stepped.
class SqliteStore::Statement {
 public:
  Statement(SqliteStore& store, const char* sql) : store_(store) {
    prepared_ = sqlite3_prepare_v2(store.handle_, sql, -1, &statement_, nullptr) == SQLITE_OK;
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  /// `text` outlives the statement.
  Statement& with(std::string_view text) {
    sqlite3_bind_text64(statement_, ++bound_, text.data(), text.size(), nullptr, SQLITE_UTF8);
    return *this;
  }
  Statement& with(int number) {
    sqlite3_bind_int(statement_, ++bound_, number);
    return *this;
  }
  /// True while there is a row.
  Result<bool> step(std::string_view doing) {
    const int result = prepared_ ? sqlite3_step(statement_) : SQLITE_ERROR;
    if (result == SQLITE_ROW || result == SQLITE_DONE) {
      return result == SQLITE_ROW;
    }
    return store_.failed(doing);
  }
  int number(int column) const { return sqlite3_column_int(statement_, column); }
  std::string text(int column) const {
    const void* bytes = sqlite3_column_text(statement_, column);
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
    return bytes == nullptr ? std::string() : std::string(static_cast<const char*>(bytes), size);
  }

 private:
  SqliteStore& store_;
  sqlite3_stmt* statement_ = nullptr;
  bool prepared_ = false;
  int bound_ = 0;
};

Failure SqliteStore::failed(std::string_view doing) const {
  return fail(code_of_sqlite(sqlite3_extended_errcode(handle_)), "{} in {}: {}", doing,
              file_.native(), sqlite3_errmsg(handle_));
}

Result<> SqliteStore::execute(const char* sql) {
  if (sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
    return failed("keep batches");
  }
  return {};
}

Result<> SqliteStore::make_schema() {
  int version = 0;
  {
    Statement ask(*this, "PRAGMA user_version");
    TRY(ask.step("read the version of batches"));
    version = ask.number(0);
  }
  if (version > kSchemaVersion) {
    return fail(Code::broken,
                "open the batches in {}: the file is of version {}, made by a newer dispatcher; "
                "this one knows {}. Install the newer one again, or move the file away",
                file_.native(), version, kSchemaVersion);
  }
  return version == 0 ? execute(kSchema) : Result<>();
}

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const system::Path& file) {
  system::UniqueFd lock =
      TRY(system::lock_file(file.native() + ".lock").context("open the batches"));
  std::unique_ptr<SqliteStore> store(new SqliteStore(file, std::move(lock)));
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  if (sqlite3_open_v2(file.c_str(), &store->handle_, flags, nullptr) != SQLITE_OK) {
    return store->failed("open the batches");
  }
  sqlite3_busy_timeout(store->handle_, 5000);
  for (const char* setting : {"PRAGMA auto_vacuum=INCREMENTAL", "PRAGMA journal_mode=WAL",
                              "PRAGMA journal_size_limit=4194304", "PRAGMA synchronous=FULL",
                              "PRAGMA foreign_keys=ON", "PRAGMA trusted_schema=OFF"}) {
    TRY(store->execute(setting));
  }
  TRY(store->transact([&store]() { return store->make_schema(); }));
  return store;
}

SqliteStore::~SqliteStore() {
  sqlite3_close(handle_);
}

template <class Work>
Result<> SqliteStore::transact(const Work& work) {
  TRY(execute("BEGIN IMMEDIATE"));
  Result<> done = work();
  if (done) {
    done = execute("COMMIT");
  }
  // The disk may have had it rolled back already.
  if (!done && sqlite3_get_autocommit(handle_) == 0) {
    sqlite3_exec(handle_, "ROLLBACK", nullptr, nullptr, nullptr);
  }
  return done;
}

Result<> SqliteStore::put_pieces(const std::string& id, const Pieces& pieces) {
  for (const auto& [number, text] : pieces) {
    Statement put(*this, "INSERT OR REPLACE INTO progress VALUES(?,?,?)");
    TRY(put.with(id).with(number).with(text).step("write how far a batch is"));
  }
  return {};
}

Result<> SqliteStore::create(const StoredCampaign& campaign) {
  return transact([&]() -> Result<> {
    {
      Statement known(*this, "SELECT ordered FROM campaigns WHERE id=?");
      if (TRY(known.with(campaign.id).step("look for a batch"))) {
        return known.text(0) == campaign.order
                   ? Result<>()
                   : Result<>(fail(Code::conflict, "keep batch {}: there is another one of that id",
                                   campaign.id));
      }
    }
    Statement put(*this, "INSERT INTO campaigns VALUES(?,?)");
    TRY(put.with(campaign.id).with(campaign.order).step("write a batch"));
    return put_pieces(campaign.id, campaign.progress);
  });
}

Result<> SqliteStore::write(const std::string& id, const Pieces& changed) {
  return transact([&]() { return put_pieces(id, changed); });
}

Result<> SqliteStore::remove(const std::string& id) {
  TRY(transact([&]() -> Result<> {
    Statement remove(*this, "DELETE FROM campaigns WHERE id=?");
    TRY(remove.with(id).step("forget a batch"));
    return {};
  }));
  return execute("PRAGMA incremental_vacuum");
}

Result<TakenCampaigns> SqliteStore::take() {
  TakenCampaigns taken;
  if (taken_) {
    return taken;
  }
  Statement orders(*this, "SELECT id, ordered FROM campaigns ORDER BY id");
  while (TRY(orders.step("read the batches"))) {
    StoredCampaign one{orders.text(0), orders.text(1)};
    Statement pieces(*this, "SELECT piece, content FROM progress WHERE campaign=?");
    pieces.with(one.id);
    while (TRY(pieces.step("read how far a batch is"))) {
      one.progress.emplace(pieces.number(0), pieces.text(1));
    }
    taken.campaigns.push_back(std::move(one));
  }
  taken_ = true;
  return taken;
}

}  // namespace drover::dispatch
