// SdnState: what the simulated cluster has of software-defined networks, applied and written.
#pragma once

#include <string>
#include <string_view>

#include "agent/core/json.h"
#include "agent/core/result.h"
#include "tests/pve-sim/place.h"

namespace drover::pve_sim {

/// Of each kind, "zones", "vnets" or "subnets": what the API was given, by id.
struct SdnState {
  json::Object running;  ///< what was applied last
  json::Object config;   ///< as it will be once it is applied
  json::Object ipam;     ///< by zone and CIDR: what is known of each address
  std::string lock;      ///< the token of who has the lock; "" for nobody

  /// Of one kind, by id.
  static const json::Object& of(const json::Object& side, std::string_view kind);
  static json::Object& of(json::Object& side, std::string_view kind);
  /// What is written of the vnet, the zone... `id`; nullptr for nothing.
  const json::Object* find(std::string_view kind, std::string_view id) const;

  bool has_pending() const;
  /// The addresses that are known in a subnet; nullptr when the subnet is not known.
  json::Object* addresses(const std::string& zone, const std::string& cidr);
};

Result<SdnState> load_sdn(const Place& place);
Result<> save_sdn(const Place& place, const SdnState& state);

/// One kind as GET ...?pending=1 gives it: by id, what counts, and below "pending" what will.
json::Object pending_of(const SdnState& state, std::string_view kind);

/// Of a subnet's id, "lab-10.84.0.0-24": "10.84.0.0/24".
std::string cidr_of_subnet(std::string_view id);

}  // namespace drover::pve_sim
