#include "agent/jobs/reconcile/storage_watch.h"

#include <algorithm>
#include <utility>

#include "proxmox/storage_types.h"

namespace drover::jobs {

void StorageWatch::look(const system::Stop& stop) {
  Result<std::vector<proxmox::StorageInfo>> listed = storage_.list(stop);
  // It takes half a second, and what is installed does not go.
  const Result<> checked = seen().no_node_storage.empty() ? Result<>() : node_storage_.check(stop);
  if (stop.requested()) {
    return;
  }
  const std::lock_guard lock(mutex_);
  seen_.no_node_storage = checked ? "" : checked.error().message;
  if (!listed) {
    seen_.blind = listed.error().message;
    return;
  }
  seen_.storages = std::move(*listed);
  seen_.at = clock_.unix_ms();
  seen_.blind.clear();
}

Result<> StorageWatch::grows_devices() const {
  const std::lock_guard lock(mutex_);
  if (seen_.at == 0 || seen_.no_node_storage.empty()) {
    return {};
  }
  return fail(Code::refused,
              "the API of Proxmox grows volumes of guests only, and this node cannot do it by "
              "itself: {}",
              seen_.no_node_storage);
}

StorageWatch::Seen StorageWatch::seen() const {
  const std::lock_guard lock(mutex_);
  return seen_;
}

Result<> StorageWatch::accepts(const std::string& storage) const {
  const std::lock_guard lock(mutex_);
  const auto& all = seen_.storages;
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&storage](const auto& info) { return info.id == storage; });
  if (found != all.end()) {
    TRY(proxmox::type_for_volumes(*found));
  }
  return {};
}

}  // namespace drover::jobs
