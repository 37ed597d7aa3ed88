// Changes of a guest's configuration that others may change at the same time.
#pragma once

#include <functional>

#include "agent/core/ids.h"
#include "agent/core/json.h"
#include "agent/core/result.h"
#include "proxmox/client.h"

namespace drover::runtimes {

/// The parameters of the change, from the configuration as it is; none for no change.
using ConfigChange = std::function<Result<proxmox::Form>(const json::Value& config)>;

/// Changes what `change` says and nothing else, also while an admin does, which the digest tells;
/// when the answer is lost, the next look shows whether it is changed.
Result<> change_guest(proxmox::Client& client, Vmid vmid, const ConfigChange& change,
                      const system::Stop& stop);

}  // namespace drover::runtimes
