#include "agent/jobs/reconcile/storage_watch.h"

#include <algorithm>
#include <utility>

#include "proxmox/storage_types.h"

namespace drover::jobs {

void StorageWatch::look(const system::Stop& stop) {
  Result<std::vector<proxmox::StorageInfo>> listed = storage_.list(stop);
  if (!listed && listed.error().code == Code::cancelled) {
    return;
  }
  const std::lock_guard lock(mutex_);
  if (!listed) {
    seen_.blind = listed.error().message;
    return;
  }
  seen_ = {std::move(*listed), clock_.unix_ms(), ""};
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
