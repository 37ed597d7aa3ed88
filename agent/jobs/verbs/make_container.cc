#include "agent/jobs/verbs/make_container.h"

#include <utility>

#include "agent/jobs/admission.h"
#include "agent/jobs/admit_policy.h"
#include "agent/jobs/container_record.h"
#include "agent/jobs/journal/kept_log.h"
#include "agent/jobs/node_turns.h"
#include "agent/jobs/own_users.h"
#include "agent/jobs/singletons/claim_step.h"
#include "agent/jobs/undo.h"
#include "agent/jobs/verbs/own_networks.h"
#include "agent/jobs/verbs/provision.h"
#include "agent/jobs/verbs/standing_volumes.h"
#include "agent/jobs/verbs/start_step.h"
#include "runtimes/copy_source.h"

namespace drover::jobs {
namespace {

/// One making, from its first step to its last.
class Making {
 public:
  Making(Work& work, const Node& node, runtimes::Runtime& runtime, ContainerRow row,
         ContainerRecord record)
      : work_(work),
        node_(node),
        runtime_(runtime),
        row_(std::move(row)),
        record_(std::move(record)) {}

  Result<> make(bool start) {
    const bool provisions_itself = runtime_.capabilities().provisions_itself;
    const std::int64_t own = provisions_itself ? 0 : Provision::steps(record_.container.spec);
    const bool claims = start && !record_.container.spec.singleton.empty();
    work_.plan(own + (start ? 2 : 1) + (claims ? 1 : 0));
    if (!provisions_itself) {
      TRY(Provision(work_, node_, record_).make());
    }
    if (start) {
      record_.container.attempt = TRY(take_claim(work_, node_, runtime_, record_.container));
    }
    TRY(create());
    reach(Status::created);
    if (start) {
      Step step = start_step(runtime_, record_.container, std::nullopt, work_.stop());
      step.subject = subject_of_attempt(record_.container.attempt);
      step.goes_on = true;
      // A machine that goes down takes the program with it, and its job makes both anew.
      step.fleeting = !provisions_itself;
      TRY(work_.once(step));
      reach(Status::running);
    }
    return {};
  }

 private:
  Result<> create() {
    Step step{.name = "runtime.create", .subject = subject_of_attempt(record_.container.attempt)};
    step.act = [&]() -> Result<json::Value> {
      if (record_.container.attempt != 0) {
        // An earlier run of the job may have come to it with another attempt.
        TRY(runtime_.remove(record_.container, true, work_.stop()));
      }
      TRY(runtime_.create(record_.container, work_.stop()));
      return json::Value();
    };
    step.needs = record_.container.source ? turn_of_source(*record_.container.source)
                                          : turn_of_root(node_, runtime_);
    const bool provisions_itself = runtime_.capabilities().provisions_itself;
    if (!provisions_itself) {
      // Half of one is worth nothing, and a whole one is soon made again. A guest of Proxmox is
      // not: its runtime finds it by the job's tag.
      step.clear = [&] { return runtime_.remove(record_.container, true, work_.stop()); };
      step.fleeting = true;
    }
    step.goes_on = true;
    TRY(work_.once(step));
    return provisions_itself ? take_in_provided() : Result<>();
  }

  /// What the runtime has made by itself belongs to the record as what was made for it does.
  Result<> take_in_provided() {
    runtimes::Provided provided = TRY(runtime_.provided(record_.container, work_.stop()));
    record_.container.vmid = provided.vmid;
    record_.interfaces = std::move(provided.interfaces);
    record_.volumes = std::move(provided.volumes);
    if (provided.resources) {
      record_.container.spec.resources = *provided.resources;
    }
    runtimes::take_in(provided.sizes, record_.container.spec);
    // What it is made of may have limits that an admin has set, by pct or with another program.
    const Result<> readable = check_readable(record_);
    return readable ? Result<>()
                    : fail(readable.error().code,
                           "make container {} of {}: {}; name other limits in its spec (resources)",
                           row_.name, record_.container.spec.image, readable.error().message);
  }

  /// Tells the status, unless an earlier run of the job has come that far.
  void reach(Status status) {
    if (row_.status != Status::creating &&
        (row_.status != Status::created || status == row_.status)) {
      return;
    }
    row_.container = json::write(to_json(record_));
    row_.status = status;
    json::Object data;
    if (json::Object addresses = addresses_by_interface(record_); !addresses.empty()) {
      data.set("addresses", std::move(addresses));
    }
    if (status == Status::running && record_.container.attempt != 0) {
      data.set("claim", claim_view(record_.container));
    }
    work_.put_container_with_next(row_, std::string(to_string(status)), std::move(data));
  }

  Work& work_;
  const Node& node_;
  runtimes::Runtime& runtime_;
  ContainerRow row_;
  ContainerRecord record_;
};

/// Of one that is to be a copy: the guest to copy. Its volumes become the new one's.
Result<std::optional<Vmid>> source_of(Work& work, ContainerSpec& spec) {
  if (!runtimes::names_container(spec.image)) {
    return std::optional<Vmid>();
  }
  const runtimes::CopySource wish = TRY(runtimes::read_copy_source(spec.image));
  const std::string& name = wish.container.str();
  const std::optional<ContainerRow> row = TRY(work.container(name));
  if (!row) {
    return fail(Code::not_found, "copy container {}: this node has none of that name", name);
  }
  const ContainerRecord record = TRY(container_record_from(row->container));
  if (record.container.runtime != RuntimeKind::pve_lxc) {
    return fail(Code::refused,
                "copy container {}: it is one of runtime {}, and only guests of "
                "Proxmox (pve-lxc) are copied",
                name, row->runtime);
  }
  if (!record.container.vmid) {
    return fail(Code::conflict, "copy container {}: it is {}", name, to_string(row->status));
  }
  spec.volumes = record.container.spec.volumes;
  return record.container.vmid;
}

/// The row of a new container, written and told.
Result<ContainerRow> begin_row(Work& work, const Node& node, const ContainerName& name) {
  const JobRequest& request = work.request();
  const RuntimeKind kind = choose_runtime(node, name.str(), *request.spec);
  const runtimes::Runtime* runtime = TRY(node.runtime(kind));
  ContainerSpec spec = with_defaults(node, *request.spec, kind);
  TRY(runtime->accepts(spec));
  const std::optional<Vmid> source = TRY(source_of(work, spec));
  ContainerRecord record{
      {name, request.id, kind, std::move(spec), {}, {}, {}, {}, {}, source}, {}, {}, {}};
  ContainerRow row{name.str(),
                   std::string(to_string(kind)),
                   request.id.str(),
                   json::write(to_json(record)),
                   Status::creating,
                   std::nullopt,
                   work.clock().unix_ms()};
  const auto may = [&](Journal& journal) -> Result<> {
    if (wants_own_users(record.container.spec, kind)) {
      record.container.users = TRY(free_users(journal, node.config.container, row.name));
      row.container = json::write(to_json(record));
    }
    TRY(admit_networks(journal, row.name, record.container.spec));
    return admit_standing_volumes(journal, row.name, record.container.spec);
  };
  // If it is lost with the machine, its job begins it anew: nothing was made for it that is not
  // lost as well.
  TRY(work.put_container(row, "creating", {}, may, Outlives::agent));
  return row;
}

}  // namespace

Result<json::Value> make_container(Work& work, const Node& node, bool start) {
  const ContainerName name = TRY(ContainerName::parse(work.request().target));
  std::optional<ContainerRow> row = TRY(work.container(name.str()));
  if (row && row->job != work.request().id.str()) {
    return fail(Code::conflict,
                "make container {}: there is one of that name ({}, made by job {}); choose "
                "another, or delete that one",
                name.str(), to_string(row->status), row->job);
  }
  if (!row) {
    row = TRY(begin_row(work, node, name));
  }
  ContainerRecord record = TRY(container_record_from(row->container));
  runtimes::Runtime* runtime = TRY(node.runtime(record.container.runtime));
  if (row->status == Status::creating) {
    // Its job may have been accepted when the node allowed more.
    TRY(admit_as_it_is_now(node.config, record.container.spec, record.container.runtime)
            .context("make container " + name.str()));
  }
  json::Object made{{"container", name.str()}, {"runtime", row->runtime}};
  TRY(Making(work, node, *runtime, std::move(*row), std::move(record)).make(start));
  return json::Value(std::move(made));
}

Result<> leave_unmade(Work& work, const Error& why) {
  std::optional<ContainerRow> row = TRY(work.container(work.request().target));
  if (!row || row->job != work.request().id.str()) {
    return {};
  }
  row->wanted = Wanted::gone;
  row->status = Status::unknown;
  return work.put_container(*row, "unknown", {{"message", why.message}});
}

Result<> unmake_container(Work& work, const Node& node) {
  std::optional<ContainerRow> row = TRY(work.container(work.request().target));
  if (!row || row->job != work.request().id.str()) {
    return {};
  }
  const ContainerRecord record = TRY(container_record_from(row->container));
  row->wanted = Wanted::gone;
  if (row->status != Status::deleting) {
    row->status = Status::deleting;
    TRY(work.put_container(*row, "deleting"));
  }
  const Result<> undone = undo_all(work, node, record, work.agent_stop());
  if (!undone) {
    TRY(leave_unmade(work, undone.error()));
    return undone;
  }
  const auto kept = TRY(remember(node, *row, work.clock().unix_ms()));
  return work.erase_container(row->name, kept);
}

}  // namespace drover::jobs
