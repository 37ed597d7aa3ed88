#include "agent/jobs/queries/input_program.h"

#include <limits>
#include <utility>

#include "agent/core/terminal_size.h"
#include "agent/jobs/container_record.h"

namespace drover::jobs {
namespace {

using Phase = InputProgram::Phase;

constexpr std::string_view kContainer = "container ";
constexpr std::string_view kJob = "job ";

Phase phase_of(Status status) {
  switch (status) {
    case Status::running:
    case Status::paused:
    case Status::stopping:
      return Phase::runs;
    case Status::creating:
    case Status::created:
    case Status::unknown:
      return Phase::not_begun;
    case Status::stopped:
    case Status::deleting:
    case Status::gone:
    case Status::backoff:
      return Phase::ended;
  }
  return Phase::ended;
}

Result<> set_container(const Node& node, const ContainerRow& row, InputProgram& program) {
  ContainerRecord record = TRY(container_record_from(row.container));
  program.runtime = TRY(node.runtime(record.container.runtime));
  program.container = std::move(record.container);
  program.phase = Phase::runs;
  return {};
}

Result<InputProgram> find_own(Journal& journal, const Node& node, const std::string& container) {
  InputProgram program{.name = std::string(kContainer) + container};
  const auto row = TRY(journal.container(container));
  if (!row) {
    return fail(Code::not_found, "node {} has no container {}", node.name, container);
  }
  program.phase = phase_of(row->status);
  if (program.phase == Phase::runs) {
    TRY(set_container(node, *row, program));
  }
  return program;
}

Result<InputProgram> find_inside(Journal& journal, const Node& node, const std::string& id) {
  InputProgram program{.name = std::string(kJob) + id};
  const auto row = TRY(journal.job(id));
  if (!row) {
    return fail(Code::not_found, "node {} knows no job {}", node.name, id);
  }
  if (verb_from(row->verb) != Verb::container_exec) {
    return fail(Code::conflict, "job {} is a {} and runs no program: only those of {} do", id,
                row->verb, to_string(Verb::container_exec));
  }
  if (row->state != JobState::running) {
    program.phase = is_final(row->state) ? Phase::ended : Phase::not_begun;
    return program;
  }
  if (const auto container = TRY(journal.container(row->target))) {
    program.job = TRY(JobId::parse(id));
    TRY(set_container(node, *container, program));
  }
  return program;
}

}  // namespace

std::string read_program_name(Fields& fields) {
  const std::string of = fields.one_of("of", "container", {"container", "job"});
  const std::string key = of == "job" ? "id" : "name";
  fields.require(key);
  return of + " " + fields.string(key);
}

Result<InputProgram> find_program(Journal& journal, const Node& node, const std::string& name) {
  if (name.starts_with(kContainer)) {
    return find_own(journal, node, name.substr(kContainer.size()));
  }
  return find_inside(journal, node, name.substr(kJob.size()));
}

Result<> resize_terminal(Journal& journal, const Node& node, const json::Value& body) {
  constexpr std::int64_t kMost = std::numeric_limits<std::uint16_t>::max();
  Faults faults;
  Fields fields(body, "", faults);
  const std::string name = read_program_name(fields);
  TerminalSize size;
  fields.require("columns");
  fields.require("rows");
  size.columns = static_cast<std::uint16_t>(fields.integer("columns", size.columns, 1, kMost));
  size.rows = static_cast<std::uint16_t>(fields.integer("rows", size.rows, 1, kMost));
  fields.finish();
  TRY(faults.result("the terminal's size is not understood"));
  const InputProgram program = TRY(find_program(journal, node, name));
  if (program.phase == Phase::not_begun) {
    return fail(Code::unavailable, "resize the terminal of {}: its program has not begun", name);
  }
  if (program.phase == Phase::ended) {
    return fail(Code::not_found, "resize the terminal of {}: its program has ended", name);
  }
  return program.runtime->resize_terminal(*program.container, program.job, size);
}

}  // namespace drover::jobs
