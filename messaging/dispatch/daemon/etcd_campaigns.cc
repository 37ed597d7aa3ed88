#include "messaging/dispatch/daemon/etcd_campaigns.h"

#include "agent/system/log.h"

namespace drover::dispatch {

Result<std::unique_ptr<EtcdCampaigns>> EtcdCampaigns::make(const EtcdConfig& config,
                                                           const std::string& dispatcher) {
  std::unique_ptr<etcd::Gateway> gateway = TRY(etcd::Gateway::make(
      {config.endpoints, config.ca, config.cert, config.key, config.user, config.password_file}));
  return std::unique_ptr<EtcdCampaigns>(new EtcdCampaigns(std::move(gateway), config, dispatcher));
}

/// Beside the claims of singletons, which may have the same names.
EtcdCampaigns::EtcdCampaigns(std::unique_ptr<etcd::Gateway> gateway, const EtcdConfig& config,
                             const std::string& dispatcher)
    : gateway_(std::move(gateway)),
      client_(*gateway_),
      store_(client_, config.prefix + "/dispatch", dispatcher, stop_,
             {std::chrono::seconds(config.ttl_s), std::chrono::seconds(config.grace_s)}) {}

EtcdCampaigns::~EtcdCampaigns() {
  if (const Result<> released = store_.release(); !released) {
    system::log_info("give up the claim of this dispatcher: {}; it ends by itself",
                     released.error().message);
  }
}

}  // namespace drover::dispatch
