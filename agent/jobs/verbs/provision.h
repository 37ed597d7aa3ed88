// Provision: what a container needs on the node before a runtime can make it.
#pragma once

#include <map>
#include <string>

#include "agent/jobs/container_record.h"
#include "agent/jobs/node.h"
#include "agent/jobs/work.h"

namespace drover::jobs {

/// The steps of a job that make folder, volumes, network and root of one container. Each fills in
/// the record; each may be done again by a later run of the job. For runtimes that do not provision
/// themselves.
class Provision {
 public:
  /// All must outlive it.
  Provision(Work& work, const Node& node, ContainerRecord& record)
      : work_(work), node_(node), record_(record) {}

  static std::int64_t steps(const ContainerSpec& spec);

  /// Of a new container: everything, once what is not made here (bridges, the image) is found to be
  /// there.
  Result<> make();
  /// Of one whose volumes and folders are still there, but mounts and namespace perhaps not, as
  /// after a reboot. With `network` namespace and interfaces are made again, and may get other
  /// addresses.
  Result<> renew(bool network);
  /// Of one that is about to start: what it knows of names, and the rules for its traffic that
  /// somebody may have flushed.
  Result<> refresh();
  Result<bool> is_mounted() const;
  Result<bool> has_namespace() const;

 private:
  /// What `renew` takes.
  std::int64_t steps_to_renew(bool network) const;
  /// Addresses that Proxmox keeps are steps, which only it can tell.
  Result<> plan_leases();
  Result<> check();
  /// As Proxmox has it; on a node without one no more than that nothing is known.
  Result<proxmox::Bridge> require_bridge(const NetworkSpec& spec);
  /// The same, as it was when this run of the job asked for it first.
  Result<proxmox::Bridge> known_bridge(const NetworkSpec& spec);
  Result<> make_folder();
  Result<> make_volume(const VolumeSpec& spec);
  Result<runtimes::Volume> allocate(const VolumeSpec& spec);
  Result<runtimes::Volume> standing(const VolumeSpec& spec);
  Result<> mount(const runtimes::Volume& volume);
  Result<> mount_binds();
  Result<> mount_bind(const std::string& number, const MountSpec& spec);
  Result<> make_users();
  Result<> make_view();
  Result<> make_namespace();
  Result<> make_network(bool renewed);
  std::vector<std::string> gateways_beside(const NetworkSpec& spec) const;
  bool leases_on(const proxmox::Bridge& bridge, const NetworkSpec& spec) const;
  /// None where nobody keeps addresses for the cluster.
  Result<std::optional<runtimes::Lease>> lease(const NetworkSpec& spec);
  /// `again`: also where the job has done it before.
  Result<runtimes::Attachment> attach(const NetworkSpec& spec, bool renewed, bool again);
  Result<> mount_root();
  Result<> write_names(bool mounted);
  Result<> choose_root();

  Work& work_;
  const Node& node_;
  ContainerRecord& record_;
  std::map<std::string, proxmox::Bridge> bridges_{};  // by name
};

}  // namespace drover::jobs
