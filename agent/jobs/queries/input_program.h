// InputProgram: the program that clients write to, or whose terminal they resize.
#pragma once

#include <optional>
#include <string>

#include "agent/core/fields.h"
#include "agent/jobs/journal/journal.h"
#include "agent/jobs/node.h"
#include "runtimes/runtime.h"

namespace drover::jobs {

/// A container's own, or what a job of container.exec runs inside one.
struct InputProgram {
  enum class Phase { not_begun, runs, ended };
  std::string name;  ///< "container web-1", "job ID"
  Phase phase = Phase::not_begun;
  // These of one that runs only:
  std::optional<runtimes::Container> container{};
  std::optional<JobId> job{};
  runtimes::Runtime* runtime = nullptr;
};

/// Reads the members "of" ("container" or "job") and "name", or "id", as "container web-1".
std::string read_program_name(Fields& fields);

/// As the journal has it, so one that has just ended may still run by it. `not_found` when there is
/// no such container or job, `conflict` for a job that runs no program. Loop's thread.
Result<InputProgram> find_program(Journal& journal, const Node& node, const std::string& name);

/// What "terminal.resize" asks for: `body` is {"of", "name"|"id", "columns", "rows"}. `unavailable`
/// when the program has not begun, `not_found` when it has ended. Loop's thread.
Result<> resize_terminal(Journal& journal, const Node& node, const json::Value& body);

}  // namespace drover::jobs
