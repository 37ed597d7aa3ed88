#include "agent/jobs/verbs/container_snapshots.h"

#include <utility>

#include "agent/jobs/status_change.h"
#include "agent/system/log.h"

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

namespace {

/// Its limits and sizes, unless they are what no record can have: an admin may set such with pct,
/// and later jobs go by what they were.
void take_in_guest(const Resources& limits, const runtimes::DiskSizes& sizes,
                   ContainerRecord& record) {
  ContainerRecord changed = record;
  changed.container.spec.resources = limits;
  runtimes::take_in(sizes, changed.container.spec);
  const Result<> readable = check_readable(changed);
  if (readable) {
    record = std::move(changed);
    return;
  }
  system::log_warning("container {}: {}; it counts as before until that is changed with pct set",
                      record.container.name.str(), readable.error().message);
}

/// Of one that somebody may have seen paused while its root was copied: whether it is. None where
/// that is its runtime's own business, and of one whose program has ended, as its end tells itself.
Result<std::optional<Status>> status_after(const Target& target, const system::Stop& stop) {
  if (target.runtime->capabilities().provisions_itself) {
    return std::optional<Status>();
  }
  const Result<runtimes::State> now = target.runtime->state(target.container(), stop);
  if (!now && now.error().code != Code::not_found) {
    return Failure(now.error());
  }
  const bool is_up = now && (now->status == Status::running || now->status == Status::paused);
  return is_up ? std::optional(now->status) : std::nullopt;
}

}  // namespace

Result<> keep_snapshots(Work& work, const Target& target, runtimes::Snapshots& source,
                        const std::string& event, const system::Stop& stop) {
  const std::vector<runtimes::Snapshot> snapshots =
      TRY(source.list_snapshots(target.container(), stop));
  const Resources limits = TRY(source.limits(target.container(), stop));
  runtimes::Disks* const disks = target.runtime->disks();
  runtimes::DiskSizes sizes;
  if (disks != nullptr) {
    sizes = TRY(disks->disk_sizes(target.container(), stop));
  }
  const std::optional<Status> status = TRY(status_after(target, stop));
  return work.write([&](Books& books) -> Result<> {
    std::optional<ContainerRow> row = TRY(books.journal().container(target.row.name));
    if (!row) {
      return {};
    }
    if (status && (row->status == Status::running || row->status == Status::paused)) {
      TRY(note_status(books, row->name, *status, std::nullopt, work.request().id.str()));
      row->status = *status;
    }
    ContainerRecord record = TRY(container_record_from(row->container));
    const Resources before = record.container.spec.resources;
    record.snapshots = snapshots;
    take_in_guest(limits, sizes, record);
    const Resources now = record.container.spec.resources;
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
    return now == before ? Result<>() : tell("updated", "resources", drover::to_json(now));
  });
}

}  // namespace drover::jobs
