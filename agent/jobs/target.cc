#include "agent/jobs/target.h"

#include <utility>

#include "agent/jobs/status_change.h"
#include "agent/jobs/verbs/standing_volumes.h"

namespace drover::jobs {

Result<Target> find_target(Work& work, const Node& node) {
  const std::string& name = work.request().target;
  std::optional<ContainerRow> row = TRY(work.container(name));
  if (!row) {
    return fail(Code::not_found, "{} {}: node {} has no such container",
                to_string(work.request().verb), name, node.name);
  }
  ContainerRecord record = TRY(container_record_from(row->container));
  runtimes::Runtime* runtime = TRY(node.runtime(record.container.runtime));
  return Target{std::move(*row), std::move(record), runtime};
}

Result<> want(Work& work, const Target& target, Wanted wanted) {
  return work.write([&](Books& books) -> Result<> {
    std::optional<ContainerRow> row = TRY(books.journal().container(target.row.name));
    if (row && wanted == Wanted::running) {
      TRY(admit_standing_volumes(books.journal(), row->name, target.container().spec));
    }
    if (row && row->wanted != wanted) {
      row->wanted = wanted;
      TRY(books.journal().put_container(*row));
    }
    return {};
  });
}

Result<> note(Work& work, const Target& target, Status status, const std::optional<Exit>& exit) {
  return work.write([&](Books& books) {
    return note_status(books, target.row.name, status, exit, work.request().id.str());
  });
}

}  // namespace drover::jobs
