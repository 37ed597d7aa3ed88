// AskProbe: one question of a probe, asked of a container that runs.
#pragma once

#include <string>

#include "agent/core/probe_spec.h"
#include "agent/jobs/container_record.h"
#include "runtimes/runtime.h"

namespace drover::jobs {

/// What came of it.
struct Finding {
  enum class What {
    success,
    failure,
    unasked,  ///< the node could not ask, which says nothing of the container
  };
  What what = What::unasked;
  std::string message{};  ///< for people, bounded, UTF-8; "" of a success
};

/// Blocks until there is an answer or `stop` is requested, which is what bounds its time.
///
/// exec runs its command as a container.exec job does. http and tcp connect from within the
/// container's own network namespace to its addresses there and to loopback, the first that takes
/// the connection; http then sends a GET and reads the answer's first line.
Finding ask_probe(const ProbeSpec& probe, const ContainerRecord& record, runtimes::Runtime& runtime,
                  const system::Stop& stop);

}  // namespace drover::jobs
