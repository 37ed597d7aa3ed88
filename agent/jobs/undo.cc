#include "agent/jobs/undo.h"

#include <algorithm>
#include <functional>
#include <map>

#include "agent/jobs/journal/kept_log.h"
#include "agent/jobs/node_turns.h"
#include "runtimes/bind_sources.h"
#include "runtimes/user_view.h"

namespace drover::jobs {
namespace {

using runtimes::Volume;

const VolumeSpec* volume_named(const ContainerRecord& record, const std::string& name) {
  const auto& volumes = record.container.spec.volumes;
  const auto found = std::find_if(volumes.begin(), volumes.end(),
                                  [&](const VolumeSpec& spec) { return spec.name == name; });
  return found == volumes.end() ? nullptr : &*found;
}

Result<> release_volume(const Node& node, const ContainerRecord& record, const StepRow& step,
                        const system::Stop& stop) {
  const VolumeSpec* spec = volume_named(record, step.subject);
  if (spec == nullptr) {
    return fail(Code::broken, "container {} has no volume {}", record.container.name.str(),
                step.subject);
  }
  runtimes::VolumeSource* source = TRY(node.volumes(spec->storage));
  const json::Value made = TRY(json::parse(step.data));
  if (!made.is_null()) {
    const Volume volume = TRY(runtimes::volume_from_json(made));
    return source->release(volume, stop);
  }
  const Result<Volume> found =
      source->find(record.container.name, record.container.job, *spec, stop);
  if (!found) {
    return found.error().code == Code::not_found ? Result<>() : Failure(found.error());
  }
  return source->release(*found, stop);
}

Result<> detach_network(const Node& node, const ContainerRecord& record, const StepRow& step,
                        const system::Stop& stop) {
  const std::optional<NetworkSpec> spec = network_for(record, step.subject);
  if (!spec) {
    return fail(Code::broken, "container {} has no interface {}", record.container.name.str(),
                step.subject);
  }
  return node.networks.detach(record.container.name, record.container.job, *spec, stop);
}

Result<> give_lease_back(const Node& node, const ContainerRecord& record, const StepRow& step,
                         const system::Stop& stop) {
  if (node.leases == nullptr) {
    return fail(Code::refused,
                "its address is kept by Proxmox, which Drover is not to use now: set "
                "proxmox.enabled");
  }
  const std::optional<NetworkSpec> spec = network_for(record, step.subject);
  const json::Value made = TRY(json::parse(step.data));
  const std::optional<runtimes::Lease> lease = runtimes::lease_from_json(made);
  std::optional<runtimes::GivenLease> given;
  if (spec && lease) {
    given = {spec->bridge, *lease};
  }
  return node.leases->give_back(record.container.name, record.container.job, step.subject, given,
                                stop);
}

/// With the log in it.
Result<> remove_folder(const Node& node, const ContainerRecord& record) {
  keep_log(node, record);
  return system::remove_tree(node.layout.container(record.container.name));
}

using Undo = std::function<Result<>(const Node&, const ContainerRecord&, const StepRow&,
                                    const system::Stop&)>;

const std::map<std::string, Undo, std::less<>>& undos() {
  static const std::map<std::string, Undo, std::less<>> table = {
      // Has made nothing, but that an image is here now.
      {"container.check", [](const Node&, const ContainerRecord&, const StepRow&,
                             const system::Stop&) { return Result<>(); }},
      // Given back when nothing runs for it (SingletonWatch).
      {"claim.take", [](const Node&, const ContainerRecord&, const StepRow&,
                        const system::Stop&) { return Result<>(); }},
      {"folder.make", [](const Node& node, const ContainerRecord& record, const StepRow&,
                         const system::Stop&) { return remove_folder(node, record); }},
      {"volume.allocate", release_volume},
      {"volume.mount",
       [](const Node& node, const ContainerRecord& record, const StepRow& step,
          const system::Stop& stop) {
         return runtimes::unmount_volume(
             node.layout.volume_mount(record.container.name, step.subject), stop);
       }},
      {"bind.mount",
       [](const Node& node, const ContainerRecord& record, const StepRow& step,
          const system::Stop&) {
         return runtimes::unmount_bind(node.layout.bind_mount(record.container.name, step.subject));
       }},
      {"network.namespace",
       [](const Node& node, const ContainerRecord& record, const StepRow&,
          const system::Stop& stop) {
         return node.networks.remove_namespace(record.container.name, stop);
       }},
      {"users.make",
       [](const Node& node, const ContainerRecord& record, const StepRow&, const system::Stop&) {
         return runtimes::remove_own_users(node.layout, record.container.name);
       }},
      {"view.make",
       [](const Node& node, const ContainerRecord& record, const StepRow&, const system::Stop&) {
         return runtimes::remove_view(node.layout, record.container.name);
       }},
      {"network.lease", give_lease_back},
      {"network.attach", detach_network},
      {"rootfs.mount",
       [](const Node& node, const ContainerRecord& record, const StepRow&,
          const system::Stop& stop) {
         return node.images.unmount_root(record.container.name, stop);
       }},
      {"runtime.create",
       [](const Node& node, const ContainerRecord& record, const StepRow&,
          const system::Stop& stop) -> Result<> {
         runtimes::Runtime* runtime = TRY(node.runtime(record.container.runtime));
         TRY(runtime->remove(record.container, true, stop));
         return runtime->capabilities().provisions_itself ? remove_folder(node, record)
                                                          : Result<>();
       }},
      // What was started goes with the undo of its create.
      {"runtime.start", [](const Node&, const ContainerRecord&, const StepRow&,
                           const system::Stop&) { return Result<>(); }},
  };
  return table;
}

/// What step's undoing has to have first.
std::optional<Scarce> needed_to_undo(const Node& node, const ContainerRecord& record,
                                     const StepRow& step) {
  if (step.name == "volume.allocate") {
    const VolumeSpec* spec = volume_named(record, step.subject);
    return spec == nullptr ? std::nullopt : turn_of_storage(node, spec->storage);
  }
  if (step.name == "runtime.create") {
    const Result<runtimes::Runtime*> runtime = node.runtime(record.container.runtime);
    return runtime ? turn_of_root(node, **runtime) : std::nullopt;
  }
  return std::nullopt;
}

Result<> undo_step(Work& work, const Node& node, const ContainerRecord& record, const StepRow& step,
                   const system::Stop& stop) {
  const auto found = undos().find(step.name);
  if (found == undos().end()) {
    return fail(Code::broken, "nobody knows how to undo step {}", step.name);
  }
  const std::string what =
      fmt::format("undo {}{}{}", step.name, step.subject.empty() ? "" : " ", step.subject);
  const Result<Turns::Turn> turn = work.take_turn(needed_to_undo(node, record, step), stop);
  if (!turn) {
    return Failure(Error(turn.error()).context(what));
  }
  return found->second(node, record, step, stop).context(what);
}

}  // namespace

Result<> undo_all(Work& work, const Node& node, const ContainerRecord& record,
                  const system::Stop& stop) {
  std::vector<StepRow> steps = TRY(work.steps(record.container.job.str()));
  std::reverse(steps.begin(), steps.end());
  Result<> first;
  for (const StepRow& step : steps) {
    if (step.state == StepState::undone) {
      continue;
    }
    TRY(stop.check("undo " + step.name));
    Result<> undone = undo_step(work, node, record, step, stop);
    if (!undone && first) {
      first = std::move(undone);
    } else if (undone) {
      TRY(work.step_undone(step));
    }
  }
  return first;
}

}  // namespace drover::jobs
