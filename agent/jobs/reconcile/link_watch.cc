#include "agent/jobs/reconcile/link_watch.h"

#include <utility>

namespace drover::jobs {

void LinkWatch::look(const system::Stop& stop) {
  Result<std::vector<proxmox::NodeLink>> listed = network_.links(stop);
  if (stop.requested()) {
    return;
  }
  const std::lock_guard lock(mutex_);
  if (!listed) {
    seen_.blind = listed.error().message;
    return;
  }
  seen_ = {std::move(*listed), clock_.unix_ms(), ""};
}

LinkWatch::Seen LinkWatch::seen() const {
  const std::lock_guard lock(mutex_);
  return seen_;
}

}  // namespace drover::jobs
