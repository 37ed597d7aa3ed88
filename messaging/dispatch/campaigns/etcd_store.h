// EtcdStore: campaigns in etcd, where several dispatchers see them, and one drives each.
//
// A dispatcher that lives holds a claim of its own name (etcd/claims.h). Below PREFIX:
//   owners/ID               {"dispatcher","attempt","chunks","whole"}: who drives it, and by which
//                           attempt of its claim
//   campaigns/ID/order/N    the order's text, in pieces that a request of etcd's can have
//   campaigns/ID/progress/N its pieces; the head with a number that each write makes higher
// Each write compares the owner, the lease of the claim and the head that was written last: what
// comes late, from a dispatcher that has lost its claim or by a connection that was slow, changes
// nothing. Whoever sees that an owner's attempt holds no claim takes what it had.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "agent/system/stop.h"
#include "messaging/dispatch/campaigns/campaign_store.h"
#include "messaging/etcd/claims.h"

namespace drover::dispatch {

class EtcdStore : public CampaignStore {
 public:
  /// `client` and `stop` outlive it. `dispatcher` is this one's name, which no other may have.
  EtcdStore(etcd::Client& client, std::string prefix, std::string dispatcher,
            const system::Stop& stop, etcd::ClaimTimes times = {},
            etcd::Claims::BootTime now = system::boot_time);

  Result<> create(const StoredCampaign& campaign) override;
  Result<> write(const std::string& id, const Pieces& changed) override;
  Result<> remove(const std::string& id) override;
  /// Takes or renews the claim; `conflict` while another process has that of our name.
  Result<TakenCampaigns> take() override;
  bool holds() const override;

  /// Gives the claim up, so that others need not wait for its end: when nothing more is sent.
  Result<> release();

 private:
  struct Owner {
    std::string dispatcher;
    std::int64_t attempt = 0;
    std::int64_t chunks = 0;
    bool whole = false;  ///< else its making has not ended
  };
  struct Head {
    std::int64_t writes = 0;
    std::string text;  ///< without the number
    std::string value() const { return std::to_string(writes) + " " + text; }
  };
  struct Own {
    Owner owner;
    Head head;
  };

  static std::string text_of(const Owner& owner);
  static std::optional<Owner> owner_from(const std::string& text);
  std::string owner_key(const std::string& id) const { return prefix_ + "/owners/" + id; }
  std::string folder(const std::string& id) const { return prefix_ + "/campaigns/" + id + "/"; }
  etcd::Comparison we_live() const;
  Result<> need_claim() const;
  /// Whether it holds afresh.
  Result<bool> hold_claim();
  Result<> put_order(const StoredCampaign& campaign, const Owner& making);
  Result<> take_over(const std::string& id, const etcd::KeyValue& item, Owner owner);
  Result<StoredCampaign> read(const std::string& id, const Owner& owner, Head& head);
  /// Whether the attempt that drives it holds its claim no more.
  Result<bool> has_ended(const Owner& owner, std::map<std::string, std::int64_t>& alive);

  etcd::Client& client_;
  const std::string prefix_;
  const std::string name_;
  const system::Stop& stop_;
  const etcd::Claims::BootTime now_;
  const std::chrono::nanoseconds renew_every_;
  etcd::Claims claims_;
  std::optional<etcd::Claim> claim_;
  std::chrono::nanoseconds renewed_at_{};
  std::map<std::string, Own> own_;
  TakenCampaigns found_;  ///< what the next `take` gives: one that fails half-way loses nothing
  std::atomic<std::int64_t> good_until_ = 0;  ///< ns of boot time
};

}  // namespace drover::dispatch
