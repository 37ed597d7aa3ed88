#include "agent/jobs/status_change.h"

#include <utility>

#include "agent/jobs/container_record.h"
#include "agent/jobs/journal/keeping.h"

namespace drover::jobs {
namespace {

bool belongs_to_its_job(const ContainerRow& row) {
  return row.status == Status::creating || row.status == Status::created ||
         row.status == Status::deleting ||
         // What could not be taken back wholly: it is deleted again, whatever is left of it does.
         (row.status == Status::unknown && row.wanted == Wanted::gone);
}

}  // namespace

Result<> note_status(Books& books, const std::string& name, Status status,
                     const std::optional<Exit>& exit, const std::string& job) {
  std::optional<ContainerRow> row = TRY(books.journal().container(name));
  if (!row || row->status == status) {
    return {};
  }
  row->status = status;
  if (status != Status::deleting) {  // what is remembered of it tells how it had ended
    row->exit = exit;
  }
  if (status == Status::stopped) {
    const bool known = exit && exit->at_unix_ms != 0;
    TRY(take_for_wish(*row, known ? exit->at_unix_ms : books.journal().now()));
    TRY(forget_pending(row->container));
  }
  TRY(books.journal().put_container(*row));
  json::Object data{{"runtime", row->runtime}};
  if (exit) {
    data.set("exit", to_json(*exit));
  }
  if (status == Status::running) {
    const Result<ContainerRecord> record = container_record_from(row->container);
    json::Object addresses = record ? addresses_by_interface(*record) : json::Object();
    if (!addresses.empty()) {
      data.set("addresses", std::move(addresses));
    }
    if (record && record->container.attempt != 0) {
      data.set("claim", claim_view(record->container));
    }
  }
  return books.tell(Event{.kind = "container",
                          .object = name,
                          .what = std::string(to_string(status)),
                          .job = job,
                          .data = std::move(data)});
}

Result<> note_observed(Books& books, const std::string& name,
                       const std::optional<runtimes::State>& state) {
  const std::optional<ContainerRow> row = TRY(books.journal().container(name));
  if (!row || belongs_to_its_job(*row)) {
    return {};
  }
  // One that waits to be started again has no program, and its end was noted before.
  if (row->status == Status::backoff && (!state || state->status == Status::stopped)) {
    return {};
  }
  if (!state) {
    // A stopped container whose runtime forgot it (after a reboot) is stopped still.
    if (row->status == Status::stopped) {
      return {};
    }
    return note_status(books, name, Status::stopped, Exit{}, "");
  }
  // While a job stops it, running is no news; and one that is about to end will tell so by its
  // exit.
  if (state->status == Status::stopping ||
      (row->status == Status::stopping && state->status != Status::stopped)) {
    return {};
  }
  if (!is_legal(row->status, state->status)) {
    return {};
  }
  return note_status(books, name, state->status, state->exit, "");
}

}  // namespace drover::jobs
