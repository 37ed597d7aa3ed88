#include "agent/jobs/verbs/provision.h"

#include <algorithm>
#include <utility>

#include "agent/jobs/node_turns.h"
#include "agent/jobs/verbs/standing_volumes.h"
#include "runtimes/bind_sources.h"
#include "runtimes/name_files.h"
#include "runtimes/user_view.h"
#include "runtimes/volumes/mount_table.h"

namespace drover::jobs {
namespace {

std::int64_t count_of(std::size_t things) {
  return static_cast<std::int64_t>(things);
}

/// Those of mounts, root and users, which a reboot takes away.
std::int64_t steps_to_mount(const ContainerSpec& spec) {
  const auto binds =
      std::count_if(spec.mounts.begin(), spec.mounts.end(),
                    [](const MountSpec& mount) { return mount.kind == MountSpec::Kind::bind; });
  const int own_users = spec.security.user_namespace == "auto" ? 2 : 0;
  return 1 + count_of(spec.volumes.size()) + binds + own_users;
}

}  // namespace

std::int64_t Provision::steps(const ContainerSpec& spec) {
  const auto allocated =
      std::count_if(spec.volumes.begin(), spec.volumes.end(),
                    [](const VolumeSpec& volume) { return volume.from.empty(); });
  return 3 + allocated + count_of(spec.networks ? spec.networks->size() : 0) + steps_to_mount(spec);
}

std::int64_t Provision::steps_to_renew(bool network) const {
  return steps_to_mount(record_.container.spec) +
         (network ? 1 + count_of(networks_of(record_).size()) : 0);
}

Result<> Provision::plan_leases() {
  for (const NetworkSpec& spec : networks_of(record_)) {
    const proxmox::Bridge bridge = TRY(known_bridge(spec));
    work_.plan_more(leases_on(bridge, spec) ? 1 : 0);
  }
  return {};
}

Result<> Provision::make() {
  record_.volumes.clear();
  record_.interfaces.clear();
  record_.container.mounts.clear();
  TRY(check());
  TRY(plan_leases());
  TRY(make_folder());
  TRY(make_users());
  for (const VolumeSpec& spec : record_.container.spec.volumes) {
    TRY(make_volume(spec));
  }
  TRY(mount_binds());
  TRY(make_network(false));
  TRY(mount_root());
  TRY(make_view());
  return write_names(true);
}

Result<bool> Provision::is_mounted() const {
  const ContainerName& name = record_.container.name;
  bool whole = TRY(runtimes::is_mount_root(node_.layout.rootfs(name)));
  for (const runtimes::Volume& volume : record_.volumes) {
    whole = whole && TRY(runtimes::is_mounted(node_.layout.volume_mount(name, volume.name)));
  }
  for (const auto& [number, mount] : runtimes::binds_of(record_.container.spec)) {
    whole = whole && TRY(runtimes::is_mounted(node_.layout.bind_mount(name, number)));
  }
  return whole && TRY(runtimes::has_view(node_.layout, record_.container));
}

Result<bool> Provision::has_namespace() const {
  const runtimes::Container& container = record_.container;
  return TRY(runtimes::is_mount_root(runtimes::Layout::netns(container.name))) &&
         (container.users == 0 || TRY(runtimes::is_mount_root(container.user_namespace)));
}

Result<> Provision::renew(bool network) {
  work_.plan_more(steps_to_renew(network));
  if (network) {
    TRY(plan_leases());
  }
  TRY(make_users());
  for (const runtimes::Volume& volume : record_.volumes) {
    TRY(mount(volume));
  }
  for (const auto& [number, mount] : runtimes::binds_of(record_.container.spec)) {
    TRY(mount_bind(number, mount));
  }
  if (network) {
    TRY(make_network(true));
  }
  TRY(mount_root());
  return make_view();
}

Result<> Provision::refresh() {
  for (const NetworkSpec& spec : networks_of(record_)) {
    TRY(node_.networks.mend(record_.container.name, spec.interface, work_.stop()));
  }
  return write_names(false);
}

/// `mounted`: they are to be mounted, which containers that an older agent has made do not have.
Result<> Provision::write_names(bool mounted) {
  runtimes::Container& container = record_.container;
  if (mounted) {
    for (runtimes::BindMount& mount : runtimes::name_mounts(node_.layout, container)) {
      container.mounts.push_back(std::move(mount));
    }
  }
  return runtimes::write_name_files(node_.layout, container, record_.interfaces);
}

/// What may be missing and is not ours to make comes first: so a wrong name costs nothing else.
Result<> Provision::check() {
  const auto act = [&]() -> Result<json::Value> {
    for (const NetworkSpec& spec : networks_of(record_)) {
      const proxmox::Bridge bridge = TRY(require_bridge(spec));
      TRY(node_.networks.check(spec, work_.stop()));
      if (!leases_on(bridge, spec)) {
        TRY(node_.networks.check_addressed(spec));
      }
    }
    const Turns::Turn turn =
        TRY(work_.take_turn(turn_of_image(node_, record_.container.spec.image), work_.stop()));
    TRY(choose_root());
    return json::Value(json::Object{{"lower", record_.lower.native()},
                                    {"image", to_json(record_.container.image)}});
  };
  const json::Value chosen =
      TRY(work_.once({.name = "container.check", .act = act, .fleeting = true, .goes_on = true}));
  record_.lower = chosen.at("lower").string_or("");
  record_.container.image = image_config_from_json(chosen.at("image"));
  return {};
}

Result<proxmox::Bridge> Provision::require_bridge(const NetworkSpec& spec) {
  proxmox::Bridge bridge;
  if (node_.proxmox_network != nullptr && spec.kind == NetworkKind::bridge) {
    bridge = TRY(node_.proxmox_network->require_bridge(spec.bridge, work_.stop()));
  }
  bridges_.insert_or_assign(spec.bridge, bridge);
  return bridge;
}

Result<proxmox::Bridge> Provision::known_bridge(const NetworkSpec& spec) {
  const auto known = bridges_.find(spec.bridge);
  return known == bridges_.end() ? require_bridge(spec) : known->second;
}

Result<> Provision::make_folder() {
  const ContainerName& name = record_.container.name;
  TRY(work_.once({.name = "folder.make",
                  .act = [&]() -> Result<json::Value> {
                    TRY(system::make_folders(node_.layout.containers(), 0700));
                    TRY(system::make_folders(node_.layout.container(name), 0700));
                    return json::Value();
                  },
                  .fleeting = true,
                  .goes_on = true}));
  return {};
}

Result<runtimes::Volume> Provision::allocate(const VolumeSpec& spec) {
  const runtimes::Container& container = record_.container;
  runtimes::VolumeSource* source = TRY(node_.volumes(spec.storage));
  Step allocate{.name = "volume.allocate", .subject = spec.name};
  allocate.act = [&]() -> Result<json::Value> {
    const runtimes::Volume volume =
        TRY(source->allocate(container.name, container.job, spec, work_.stop()));
    return runtimes::to_json(volume);
  };
  allocate.find = [&]() -> Result<std::optional<json::Value>> {
    const Result<runtimes::Volume> found =
        source->find(container.name, container.job, spec, work_.stop());
    if (found) {
      return std::optional(runtimes::to_json(*found));
    }
    if (found.error().code != Code::not_found) {
      return Failure(found.error());
    }
    return std::optional<json::Value>();
  };
  allocate.needs = turn_of_storage(node_, spec.storage);
  const json::Value made = TRY(work_.once(allocate));
  return runtimes::volume_from_json(made);
}

/// A volume that was there before and stays: the container's row holds it (standing_volumes.h).
Result<runtimes::Volume> Provision::standing(const VolumeSpec& spec) {
  std::optional<VolumeRow> row;
  TRY(work_.write([&](Books& books) -> Result<> {
    row = TRY(books.journal().volume(spec.from));
    return {};
  }));
  if (!row) {
    return fail(Code::not_found, "there is no volume {}", spec.from);
  }
  runtimes::Volume volume = TRY(made_volume(*row));
  volume.name = spec.name;
  return volume;
}

Result<> Provision::make_volume(const VolumeSpec& spec) {
  runtimes::Container& container = record_.container;
  runtimes::Volume volume = TRY(spec.from.empty() ? allocate(spec) : standing(spec));
  TRY(mount(volume));
  container.mounts.push_back(
      {runtimes::seen_at(node_.layout, container,
                         node_.layout.volume_mount(container.name, spec.name)),
       spec.target, spec.read_only});
  record_.volumes.push_back(std::move(volume));
  return {};
}

Result<> Provision::mount(const runtimes::Volume& volume) {
  const runtimes::Path target = node_.layout.volume_mount(record_.container.name, volume.name);
  TRY(work_.once({.name = "volume.mount",
                  .subject = volume.name,
                  .act = [&]() -> Result<json::Value> {
                    runtimes::VolumeSource* source = TRY(node_.volumes(volume.storage));
                    // Also when the step is done again. Two that share it would both find that
                    // nobody has it, check it at once and mount it by a device each.
                    const Turns::Turn turn =
                        TRY(work_.take_turn(turn_of_volume(volume), work_.stop()));
                    const runtimes::Volume active = TRY(source->activate(volume, work_.stop()));
                    TRY(runtimes::mount_volume(active, target, work_.stop()));
                    return json::Value(target.native());
                  },
                  .again = true}));
  return {};
}

Result<> Provision::mount_binds() {
  runtimes::Container& container = record_.container;
  for (const auto& [number, mount] : runtimes::binds_of(container.spec)) {
    TRY(mount_bind(number, mount));
    container.mounts.push_back({runtimes::seen_at(node_.layout, container,
                                                  node_.layout.bind_mount(container.name, number)),
                                mount.target, mount.read_only});
  }
  return {};
}

/// Held against what the node allows each time that it is mounted, as `open_lower` does.
Result<> Provision::mount_bind(const std::string& number, const MountSpec& spec) {
  const runtimes::Path place = node_.layout.bind_mount(record_.container.name, number);
  TRY(work_.once({.name = "bind.mount",
                  .subject = number,
                  .act = [&]() -> Result<json::Value> {
                    if (!TRY(runtimes::is_mounted(place))) {
                      const system::UniqueFd source =
                          TRY(runtimes::open_bind_source(node_.config.policy.binds, spec));
                      TRY(runtimes::mount_bind(source, place, spec.read_only));
                    }
                    return json::Value(place.native());
                  },
                  .again = true}));
  return {};
}

Result<> Provision::make_namespace() {
  const ContainerName& name = record_.container.name;
  TRY(work_.once({.name = "network.namespace",
                  .act = [&]() -> Result<json::Value> {
                    TRY(node_.networks.make_namespace(name, work_.stop(),
                                                      record_.container.user_namespace));
                    return json::Value();
                  },
                  .again = true,
                  .goes_on = true}));
  record_.container.netns = runtimes::Layout::netns(name);
  return {};
}

/// `renewed`: it had one before, which has ended with the machine. So has the one that this job has
/// made, if the machine went down before the job came to its end.
Result<> Provision::make_network(bool renewed) {
  const bool lost = work_.resumed() && !TRY(has_namespace());
  TRY(make_namespace());
  record_.interfaces.clear();
  for (const NetworkSpec& spec : networks_of(record_)) {
    runtimes::Attachment attachment = TRY(attach(spec, renewed || lost, lost));
    record_.interfaces.push_back(std::move(attachment));
  }
  return {};
}

/// Those that its job has chosen, and those of interfaces that were made before this one.
std::vector<std::string> Provision::gateways_beside(const NetworkSpec& spec) const {
  std::vector<std::string> gateways;
  const auto add = [&](const auto& other) {
    if (other.interface != spec.interface && !other.gateway.empty()) {
      gateways.push_back(other.gateway);
    }
  };
  for (const NetworkSpec& other : networks_of(record_)) {
    add(other);
  }
  for (const runtimes::Attachment& other : record_.interfaces) {
    add(other);
  }
  return gateways;
}

bool Provision::leases_on(const proxmox::Bridge& bridge, const NetworkSpec& spec) const {
  // A VLAN on a vnet has subnets of its own.
  return node_.leases != nullptr && bridge.has_ipam && spec.vlan == 0 &&
         spec.kind == NetworkKind::bridge && !spec.dhcp;
}

Result<std::optional<runtimes::Lease>> Provision::lease(const NetworkSpec& spec) {
  if (!leases_on(TRY(known_bridge(spec)), spec)) {
    return std::optional<runtimes::Lease>();
  }
  const runtimes::Container& container = record_.container;
  // Asked twice it is the same one.
  const json::Value made = TRY(work_.once(
      {.name = "network.lease", .subject = spec.interface, .act = [&]() -> Result<json::Value> {
         const std::optional<runtimes::Lease> lease =
             TRY(node_.leases->take(container.name, container.job, spec, work_.stop()));
         return lease ? runtimes::to_json(*lease) : json::Value();
       }}));
  return runtimes::lease_from_json(made);
}

Result<runtimes::Attachment> Provision::attach(const NetworkSpec& spec, bool renewed, bool again) {
  const runtimes::Container& container = record_.container;
  const std::optional<runtimes::Lease> given = TRY(lease(spec));
  Step step{.name = "network.attach", .subject = spec.interface, .again = again};
  step.act = [&]() -> Result<json::Value> {
    TRY(require_bridge(spec));
    const auto plug_in = [&] {
      return node_.networks.attach(container.name, container.job, spec, given, work_.stop(),
                                   gateways_beside(spec));
    };
    // A server may be silent for a minute, to as many as there are workers.
    const runtimes::Attachment attachment = TRY(spec.dhcp ? work_.rest_while(plug_in) : plug_in());
    return runtimes::to_json(attachment);
  };
  // What a plugin had begun cannot be told from what it has finished.
  step.clear = [&] {
    return node_.networks.detach(container.name, container.job, spec, work_.stop());
  };
  if (renewed) {
    // Its address is still given out to it.
    step.act = [clear = step.clear, act = step.act]() -> Result<json::Value> {
      TRY(clear());
      return act();
    };
  }
  const json::Value made = TRY(work_.once(step));
  return runtimes::attachment_from_json(made);
}

}  // namespace drover::jobs
