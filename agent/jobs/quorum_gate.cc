#include "agent/jobs/quorum_gate.h"

#include "agent/jobs/quorum_need.h"

namespace drover::jobs {

std::string QuorumGate::awaits(const JobRequest& request) {
  if (!cluster_.lacks_quorum()) {
    return "";
  }
  // What cannot be read is for the job itself to tell.
  const Result<bool> needs = needs_quorum(books_.journal(), node_, request);
  return needs && *needs ? "the cluster's quorum" : "";
}

bool QuorumGate::excuses(const JobRequest& request, const system::Stop& stop) {
  bool needs = false;
  const Result<> read = books_.write([&](Books& books) -> Result<> {
    needs = TRY(needs_quorum(books.journal(), node_, request));
    return {};
  });
  return read && needs && cluster_.look(stop);
}

}  // namespace drover::jobs
