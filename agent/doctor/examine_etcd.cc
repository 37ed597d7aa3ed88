#include "agent/doctor/examine_etcd.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "messaging/etcd/claims.h"

namespace drover::doctor {
namespace {

Result<> ask_etcd(const EtcdConfig& config) {
  const auto gateway = TRY(etcd::Gateway::make(
      {config.endpoints, config.ca, config.cert, config.key, config.user, config.password_file}));
  etcd::Client client(*gateway);
  etcd::Claims claims(client, config.prefix, {});
  const system::Stop never;
  TRY(claims.holder("doctor", never));
  return {};
}

}  // namespace

std::vector<Finding> examine_etcd(const Config& config) {
  if (config.etcd.endpoints.empty()) {
    return {};
  }
  const Result<> asked = ask_etcd(config.etcd);
  return {{"etcd",
           asked.has_value(),
           asked
               ? fmt::format("etcd answers at {}", fmt::join(config.etcd.endpoints, ", "))
               : fmt::format("etcd, without which no singleton starts: {}", asked.error().message),
           {}}};
}

}  // namespace drover::doctor
