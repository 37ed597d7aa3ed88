// container.adopt: a guest of Proxmox that bears our stamp and came to this node by itself, as one
// that was migrated, becomes a container of this node's journal.
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "agent/jobs/admission.h"
#include "agent/jobs/reconcile/unrecorded.h"
#include "agent/jobs/target.h"
#include "agent/jobs/verbs/verbs.h"
#include "agent/system/log.h"

namespace drover::jobs {
namespace {

/// The guest of that name; of several nobody could tell which is meant.
Result<runtimes::Found> find_guest(const Work& work, runtimes::Runtime& runtime,
                                   const std::string& what) {
  std::vector<runtimes::Found> named = TRY(runtime.inventory(work.stop()).context(what));
  std::erase_if(named, [&](const runtimes::Found& found) {
    return found.name != work.request().target || !JobId::parse(found.job);
  });
  if (named.empty()) {
    return fail(
        Code::not_found,
        "{}: no guest of this node bears Drover's tags with that name; `drover leaks` lists "
        "those that no job knows",
        what);
  }
  if (named.size() > 1) {
    std::vector<std::string> numbers;
    for (const runtimes::Found& found : named) {
      numbers.push_back(found.vmid ? std::to_string(found.vmid->value) : found.job);
    }
    return fail(Code::conflict,
                "{}: guests {} of this node all bear Drover's tags with that name: take the tag "
                "drover from those that are not meant (pct set VMID --tags)",
                what, fmt::join(numbers, ", "));
  }
  return std::move(named.front());
}

/// Containers of one job would share its steps: the deletion of one would leave the other's guest.
Result<> check_job_is_free(Work& work, const runtimes::Found& guest, const std::string& what) {
  return work.write([&](Books& books) -> Result<> {
    const std::vector<ContainerRow> rows = TRY(books.journal().containers());
    for (const ContainerRow& row : rows) {
      if (row.job == guest.job && row.name != guest.name) {
        return fail(Code::conflict,
                    "{}: guest {} bears the job {} in its tags, whose container is {} on this "
                    "node: give the guest that name again if it is that one (pct set --hostname); "
                    "a copy or restore of it can be adopted once that container is deleted",
                    what, guest.vmid ? guest.vmid->value : 0, guest.job, row.name);
      }
    }
    return {};
  });
}

/// Its limits, interfaces and disks are what they are: they may have been changed since. Only what
/// its disks are called no guest tells.
ContainerSpec merged(const ContainerSpec& guest, ContainerSpec wish) {
  std::vector<VolumeSpec> volumes = guest.volumes;
  for (VolumeSpec& volume : volumes) {
    const auto named =
        std::find_if(wish.volumes.begin(), wish.volumes.end(),
                     [&](const VolumeSpec& one) { return one.target == volume.target; });
    if (named != wish.volumes.end()) {
      volume.name = named->name;
    }
  }
  wish.hostname = guest.hostname;
  wish.resources = guest.resources;
  wish.networks = guest.networks;
  wish.volumes = std::move(volumes);
  return wish;
}

/// With what the runtime tells of it, and the job knows.
Result<SealedRecord> record_of(Work& work, const Node& node, runtimes::Runtime& runtime,
                               const runtimes::Found& guest) {
  const ContainerName name = TRY(ContainerName::parse(guest.name));
  const JobId job = TRY(JobId::parse(guest.job));
  SealedRecord sealed;
  TRY(work.write([&](Books& books) -> Result<> {
    sealed =
        TRY(unrecorded(books.journal(), node, name, job, runtime.kind(), work.clock().unix_ms()));
    return {};
  }));
  ContainerRecord record = TRY(container_record_from(sealed.container.container));
  record.container.vmid = guest.vmid;
  ContainerSpec spec = TRY(runtime.spec_of(record.container, work.stop()));
  if (work.request().spec) {
    spec = merged(spec, with_defaults(node, *work.request().spec, runtime.kind()));
  }
  record.container.spec = std::move(spec);
  const runtimes::Provided provided = TRY(runtime.provided(record.container, work.stop()));
  runtimes::take_in(provided.sizes, record.container.spec);
  record.interfaces = provided.interfaces;
  record.volumes = provided.volumes;
  const Result<> readable = check_readable(record);
  if (!readable) {
    return fail(readable.error().code, "{}; change that with pct set, then adopt it",
                readable.error().message);
  }
  const bool runs = guest.state.status == Status::running || guest.state.status == Status::paused;
  sealed.container.container = json::write(to_json(record));
  sealed.container.status = Status::unknown;
  sealed.container.wanted = runs ? Wanted::running : Wanted::stopped;
  return sealed;
}

/// What its deletion goes by comes with it. Neither it nor what is here for it is a leak any more.
Result<> take_in(Journal& journal, const SealedRecord& record) {
  TRY(put_maker(journal, record));
  const std::vector<LeakRow> leaks = TRY(journal.leaks());
  for (const LeakRow& leak : leaks) {
    const bool is_its_own =
        leak.kind == "container" || leak.kind == "folder" || leak.kind == "unit";
    // A folder tells no job.
    const bool is_it = is_its_own && leak.container == record.container.name &&
                       (leak.job.empty() || leak.job == record.container.job);
    TRY(is_it ? journal.erase_leak(leak) : Result<>());
  }
  return {};
}

}  // namespace

Result<json::Value> adopt_container(Work& work, const Node& node) {
  const std::string what = "adopt container " + work.request().target;
  runtimes::Runtime* runtime = TRY(node.runtime(RuntimeKind::pve_lxc).context(what));
  const std::optional<ContainerRow> known = TRY(work.container(work.request().target));
  const runtimes::Found guest = TRY(find_guest(work, *runtime, what));
  if (known && !(work.resumed() && known->job == guest.job)) {
    return fail(Code::conflict, "{}: this node has a container of that name already ({}, job {})",
                what, to_string(known->status), known->job);
  }
  if (!known) {
    TRY(check_job_is_free(work, guest, what));
    const SealedRecord record = TRY(record_of(work, node, *runtime, guest).context(what));
    TRY(work.put_container(record.container, "adopted", {},
                           [&](Journal& journal) { return take_in(journal, record); }));
  }
  const Target target = TRY(find_target(work, node));
  if (const Result<> kept = runtime->keep_output(target.container(), work.stop()); !kept) {
    system::log_warning("{}: {}", what, kept.error().message);
  }
  const bool ended = guest.state.status == Status::stopped;
  TRY(note(work, target, guest.state.status,
           ended && !guest.state.exit ? Exit{} : guest.state.exit));
  return json::Value(json::Object{{"container", target.row.name},
                                  {"runtime", target.row.runtime},
                                  {"job", target.row.job},
                                  {"vmid", std::int64_t{guest.vmid ? guest.vmid->value : 0}}});
}

}  // namespace drover::jobs
