// One change of the cluster's SDN at a time, under Proxmox's own rules of its lock.
#pragma once

#include <functional>
#include <set>
#include <string>

#include "tests/pve-sim/answer.h"
#include "tests/pve-sim/contract.h"
#include "tests/pve-sim/place.h"
#include "tests/pve-sim/sdn_state.h"

namespace drover::pve_sim {

/// What is wrong with a parameter, as PVE::Exception tells it inside of a text.
Failure bad_sdn_parameter(const std::string& name, const std::string& text);

/// Does the change if nobody else has the lock, and keeps what it has made of the state. A failure
/// is told behind `what`.
Answer change_sdn(const Place& place, const Parameters& given, const std::string& what,
                  const std::function<Result<json::Value>(SdnState&)>& change);
/// What is kept of the parameters: all but the lock's token and those named.
json::Object sdn_section(const Parameters& given, const std::set<std::string>& without);
/// Of one kind, as GET answers for `running`, `pending` or neither: the one called `id`, or with ""
/// all. `key` is the member that has the name of each.
Answer sdn_listed(const SdnState& state, const std::string& kind, const std::string& key,
                  const Parameters& given, const std::string& id);

/// The same of what needs no lock, as addresses.
Answer change_ipam(const Place& place, const std::function<Result<>(SdnState&)>& change);

}  // namespace drover::pve_sim
