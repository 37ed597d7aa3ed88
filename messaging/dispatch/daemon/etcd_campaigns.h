// EtcdCampaigns: campaigns in etcd, with the connection that they are reached by.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "agent/core/config/etcd.h"
#include "agent/system/stop.h"
#include "messaging/dispatch/campaigns/etcd_store.h"
#include "messaging/etcd/client.h"
#include "messaging/etcd/gateway.h"

namespace drover::dispatch {

/// As EtcdStore; at its end it gives its claim up, so that others go on at once.
class EtcdCampaigns : public CampaignStore {
 public:
  /// `dispatcher`: this one's name, which no other may have. `invalid` for settings that cannot be
  /// right; nobody is asked yet.
  static Result<std::unique_ptr<EtcdCampaigns>> make(const EtcdConfig& config,
                                                     const std::string& dispatcher);
  ~EtcdCampaigns() override;
  EtcdCampaigns(const EtcdCampaigns&) = delete;
  EtcdCampaigns& operator=(const EtcdCampaigns&) = delete;

  Result<> create(const StoredCampaign& campaign) override { return store_.create(campaign); }
  Result<> write(const std::string& id, const Pieces& changed) override {
    return store_.write(id, changed);
  }
  Result<> remove(const std::string& id) override { return store_.remove(id); }
  Result<TakenCampaigns> take() override { return store_.take(); }
  bool holds() const override { return store_.holds(); }

 private:
  EtcdCampaigns(std::unique_ptr<etcd::Gateway> gateway, const EtcdConfig& config,
                const std::string& dispatcher);

  system::Stop stop_;
  std::unique_ptr<etcd::Gateway> gateway_;
  etcd::Client client_;
  EtcdStore store_;
};

}  // namespace drover::dispatch
