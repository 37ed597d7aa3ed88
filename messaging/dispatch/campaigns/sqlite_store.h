// SqliteStore: campaigns in a file, for a dispatcher that works alone.
#pragma once

#include <sqlite3.h>

#include <memory>
#include <string>

#include "agent/system/file.h"
#include "agent/system/unique_fd.h"
#include "messaging/dispatch/campaigns/campaign_store.h"

namespace drover::dispatch {

/// WAL with synchronous=FULL: what a write returned for outlives the machine's end. A lock file
/// beside it keeps a second process out, whose writes would be of another time.
class SqliteStore : public CampaignStore {
 public:
  /// Makes the file, in a folder that is there. `conflict` when another process has it, `broken`
  /// when it is damaged, or made by a newer version.
  static Result<std::unique_ptr<SqliteStore>> open(const system::Path& file);
  ~SqliteStore() override;
  SqliteStore(const SqliteStore&) = delete;
  SqliteStore& operator=(const SqliteStore&) = delete;

  Result<> create(const StoredCampaign& campaign) override;
  Result<> write(const std::string& id, const Pieces& changed) override;
  Result<> remove(const std::string& id) override;
  /// All at first, and nothing ever after.
  Result<TakenCampaigns> take() override;
  bool holds() const override { return true; }

 private:
  class Statement;

  SqliteStore(system::Path file, system::UniqueFd lock)
      : file_(std::move(file)), lock_(std::move(lock)) {}
  Failure failed(std::string_view doing) const;
  Result<> execute(const char* sql);
  Result<> make_schema();
  /// `work` in one transaction.
  template <class Work>
  Result<> transact(const Work& work);
  Result<> put_pieces(const std::string& id, const Pieces& pieces);

  const system::Path file_;
  const system::UniqueFd lock_;
  sqlite3* handle_ = nullptr;
  bool taken_ = false;
};

}  // namespace drover::dispatch
