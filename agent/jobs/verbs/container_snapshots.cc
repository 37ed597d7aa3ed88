#include "agent/jobs/verbs/container_snapshots.h"

#include <utility>

namespace drover::jobs {

Result<runtimes::Snapshots*> snapshots_of(const Work& work, const Target& target) {
  runtimes::Snapshots* const source = target.runtime->snapshots();
  if (source == nullptr) {
    return fail(Code::refused, "{} {}: runtime {} keeps no snapshots: {}",
                to_string(work.request().verb), target.row.name, target.row.runtime,
                target.runtime->capabilities().no_snapshots);
  }
  return source;
}

Result<> keep_snapshots(Work& work, const Target& target, runtimes::Snapshots& source,
                        const std::string& event, const system::Stop& stop) {
  const std::vector<runtimes::Snapshot> snapshots =
      TRY(source.list_snapshots(target.container(), stop));
  const Resources limits = TRY(source.limits(target.container(), stop));
  return work.write([&](Books& books) -> Result<> {
    std::optional<ContainerRow> row = TRY(books.journal().container(target.row.name));
    if (!row) {
      return {};
    }
    ContainerRecord record = TRY(container_record_from(row->container));
    const bool limited_anew = record.container.spec.resources != limits;
    record.snapshots = snapshots;
    record.container.spec.resources = limits;
    row->container = json::write(to_json(record));
    TRY(books.journal().put_container(*row));
    const auto tell = [&](const std::string& what, std::string key, json::Value value) {
      return books.tell(Event{.kind = "container",
                              .object = row->name,
                              .what = what,
                              .job = work.request().id.str(),
                              .data = {{"runtime", row->runtime}, {key, std::move(value)}}});
    };
    if (!event.empty()) {
      TRY(tell(event, "snapshot", work.request().options.snapshot));
    }
    return limited_anew ? tell("updated", "resources", drover::to_json(limits)) : Result<>();
  });
}

}  // namespace drover::jobs
