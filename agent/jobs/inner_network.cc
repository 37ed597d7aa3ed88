#include "agent/jobs/inner_network.h"

namespace drover::jobs {

Result<system::Path> inner_network(const runtimes::Container& container, runtimes::Runtime& runtime,
                                   const system::Stop& stop) {
  if (!container.netns.empty()) {
    return container.netns;
  }
  const runtimes::State state = TRY(runtime.state(container, stop));
  if (state.pid <= 0) {
    return fail(Code::not_found, "container {} has no process whose network could be entered",
                container.name.str());
  }
  return system::Path(fmt::format("/proc/{}/ns/net", state.pid));
}

}  // namespace drover::jobs
