#include "agent/jobs/admission.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

#include "agent/core/ip_address.h"
#include "agent/jobs/admit_image.h"
#include "agent/jobs/admit_policy.h"
#include "agent/jobs/container_record.h"
#include "agent/jobs/growth.h"
#include "agent/jobs/limits.h"
#include "agent/jobs/own_users.h"
#include "agent/jobs/reconcile/storage_watch.h"
#include "agent/jobs/singletons/claim_step.h"
#include "agent/jobs/verbs/standing_volumes.h"
#include "agent/system/secret_store.h"
#include "runtimes/copy_source.h"
#include "runtimes/journal_log.h"

namespace drover::jobs {
namespace {

/// `refused` where the kernel cannot show a root's files to users of a container's own.
Result<> check_own_users(const Node& node, const ContainerSpec& spec, RuntimeKind kind) {
  return wants_own_users(spec, kind) ? node.images.check_other_owners().context("user_namespace")
                                     : Result<>();
}

Result<> check_networks(const Node& node, const std::vector<NetworkSpec>& networks) {
  std::set<std::pair<std::string, std::string>> addresses;
  for (const NetworkSpec& network : networks) {
    if (network.bridge.empty() && network.kind != NetworkKind::ptp) {
      return fail(Code::invalid,
                  "interface {} names no bridge, and this node has no default bridge",
                  network.interface);
    }
    TRY(node.networks.check_address(network));
    if (!network.address.empty() &&
        !addresses.emplace(network.bridge, address_of(network.address)).second) {
      return fail(Code::invalid, "interface {}: another one has address {} on bridge {}, too",
                  network.interface, address_of(network.address), network.bridge);
    }
  }
  return {};
}

/// A container is led out by one of each IP version. How a guest is its init decides.
Result<> check_gateways(const std::vector<NetworkSpec>& networks) {
  std::map<bool, std::string> led_out;
  for (const NetworkSpec& network : networks) {
    const bool is_six = network.gateway.find(':') != std::string::npos;
    if (network.gateway.empty()) {
      continue;
    }
    const auto [first, is_only] = led_out.emplace(is_six, network.interface);
    if (!is_only) {
      return fail(Code::invalid,
                  "interface {} with gateway {}: {} has one, too, and a container has one default "
                  "route of each IP version",
                  network.interface, network.gateway, first->second);
    }
  }
  return {};
}

/// A size that nobody would keep is not taken.
Result<> check_size(const runtimes::VolumeSource& source, std::uint64_t size_mib,
                    const std::string& what) {
  TRY(source.usable().context(what));
  TRY(source.has_room().context(what));
  const std::uint64_t least = source.least_mib();
  if (least == 0 && size_mib != 0) {
    return fail(Code::refused,
                "{}: a folder keeps to no size: give none, or have it on storage local-image, "
                "which does",
                what);
  }
  if (least != 0 && size_mib == 0) {
    return fail(Code::invalid,
                "{}: give a size (size_mib); only volumes on storage local-folder have none", what);
  }
  return size_mib >= least
             ? Result<>()
             : fail(Code::invalid, "{}: its file system needs {} MiB at least", what, least);
}

/// `refused` where Proxmox has the storage for other things than volumes of containers.
Result<> check_storage(const Node& node, const std::string& wanted, const std::string& what) {
  const std::string& storage = wanted.empty() ? node.config.storage.default_storage : wanted;
  return node.storages == nullptr || is_local_storage(storage)
             ? Result<>()
             : node.storages->accepts(storage).context(what);
}

/// Once more when the container starts: an admin may have removed it meanwhile.
Result<> check_secrets(const Node& node, const std::vector<SecretSpec>& secrets) {
  const system::SecretStore store(node.layout.secret_store());
  for (const SecretSpec& secret : secrets) {
    TRY(store.check(secret.name));
  }
  return {};
}

/// A job may have less kept than the node would, or other files of it, but no more.
Result<> check_log(const LogConfig& node, const LogPolicy& wanted) {
  const auto size = static_cast<std::uint64_t>(node.max_size_mib);
  const auto files = static_cast<std::uint64_t>(node.max_files);
  const std::uint64_t most = size * files;
  const std::uint64_t all = (wanted.max_size_mib == 0 ? size : wanted.max_size_mib) *
                            (wanted.max_files == 0 ? files : wanted.max_files);
  return all <= most ? Result<>()
                     : fail(Code::refused,
                            "log: {} MiB are more than the {} MiB that this node keeps of what a "
                            "container prints (log.max_files of log.max_size_mib of its "
                            "configuration)",
                            all, most);
}

/// What only some runtimes do with a container.
struct Ability {
  Verb verb;
  std::string_view lacking;  ///< of a runtime that cannot
  std::string_view runtimes::Capabilities::*why_not;
};

constexpr std::array kAbilities = {
    Ability{Verb::container_snapshot, "keeps no snapshots", &runtimes::Capabilities::no_snapshots},
    Ability{Verb::container_rollback, "keeps no snapshots", &runtimes::Capabilities::no_snapshots},
    Ability{Verb::container_snapshot_delete, "keeps no snapshots",
            &runtimes::Capabilities::no_snapshots},
    Ability{Verb::container_upgrade, "gives its containers no other images",
            &runtimes::Capabilities::no_upgrade},
    Ability{Verb::container_backup, "makes no backups", &runtimes::Capabilities::no_backups},
    Ability{Verb::container_migrate, "moves no containers", &runtimes::Capabilities::no_migration},
    Ability{Verb::container_checkpoint, "cannot", &runtimes::Capabilities::no_checkpoints},
    Ability{Verb::container_restore, "cannot", &runtimes::Capabilities::no_checkpoints},
};

Result<> check_can(const runtimes::Runtime& runtime, const JobRequest& request,
                   const Ability& needed) {
  const std::string_view why_not = runtime.capabilities().*needed.why_not;
  return why_not.empty() ? Result<>()
                         : fail(Code::refused, "{} {}: runtime {} {}: {}", to_string(request.verb),
                                request.target, to_string(runtime.kind()), needed.lacking, why_not);
}

/// `refused` where the runtime can, but not here, or not with this container.
Result<> check_checkpoints(runtimes::Runtime& runtime, const JobRequest& request,
                           const runtimes::Container& container) {
  const bool is_about_them =
      request.verb == Verb::container_checkpoint || request.verb == Verb::container_restore;
  if (is_about_them && !container.spec.singleton.empty()) {
    return fail(Code::refused,
                "{} {}: it is a singleton, and what is restored would go on as an attempt that is "
                "over; stop and start it",
                to_string(request.verb), request.target);
  }
  const runtimes::Checkpoints* const source = runtime.checkpoints();
  return is_about_them && source != nullptr
             ? source->check_checkpoints(container).context(
                   fmt::format("{} {}", to_string(request.verb), request.target))
             : Result<>();
}

}  // namespace

Result<> admit_change(const Node& node, Journal& journal, const JobRequest& request) {
  if (!request.options.image.empty()) {
    TRY(admit_root_image(node, request)
            .context(fmt::format("{} {}", to_string(request.verb), request.target)));
  }
  const auto* const ability =
      std::find_if(kAbilities.begin(), kAbilities.end(),
                   [&request](const Ability& one) { return one.verb == request.verb; });
  const bool needs_ability = ability != kAbilities.end();
  if (!needs_ability && request.verb != Verb::container_update) {
    return {};
  }
  const std::optional<ContainerRow> row = TRY(journal.container(request.target));
  if (!row) {
    return {};  // it may be made, by a job that waits, before this one begins
  }
  const ContainerRecord record = TRY(container_record_from(row->container));
  runtimes::Runtime* runtime = TRY(node.runtime(record.container.runtime));
  if (needs_ability) {
    TRY(check_can(*runtime, request, *ability));
    return check_checkpoints(*runtime, request, record.container);
  }
  TRY(admit_changed_limits(node.config.policy, request.options.resources));
  ContainerSpec spec = record.container.spec;
  spec.resources = with_changes(spec.resources, request.options.resources);
  TRY(runtime->accepts(spec));
  return check_growth(node, record, request.options);
}

Result<> admit_adoption(const Node& node, const JobRequest& request) {
  const std::string what = fmt::format("{} {}", to_string(request.verb), request.target);
  const runtimes::Runtime* guests = TRY(node.runtime(RuntimeKind::pve_lxc).context(what));
  TRY(admit_runtime(node.config.policy, RuntimeKind::pve_lxc).context(what));
  if (!request.spec) {
    return {};
  }
  if (request.spec->runtime.value_or(RuntimeKind::pve_lxc) != RuntimeKind::pve_lxc) {
    return fail(Code::invalid,
                "{}: the spec says runtime {}, and only guests of Proxmox ({}) come "
                "to a node by themselves",
                what, to_string(*request.spec->runtime), to_string(RuntimeKind::pve_lxc));
  }
  TRY(admit_changed_limits(node.config.policy, request.spec->resources).context(what));
  return guests->accepts(with_defaults(node, *request.spec, RuntimeKind::pve_lxc)).context(what);
}

Result<> admit_volume(const Node& node, Journal& journal, const JobRequest& request) {
  const std::string what = fmt::format("{} {}", to_string(request.verb), request.target);
  if (request.verb == Verb::volume_create) {
    const runtimes::VolumeSource* source = TRY(node.volumes(request.options.storage));
    TRY(check_storage(node, request.options.storage, what));
    return check_size(*source, request.options.size_mib, what);
  }
  if (request.verb != Verb::volume_resize && request.verb != Verb::volume_snapshot) {
    return {};
  }
  const std::optional<VolumeRow> row = TRY(journal.volume(request.target));
  const Result<runtimes::Volume> volume = row ? made_volume(*row) : fail(Code::not_found, "");
  if (!volume) {
    return {};  // it may be made, by a job that waits, before this one begins
  }
  if (request.verb == Verb::volume_resize) {
    return check_grows(node, *volume, what);
  }
  const Result<runtimes::VolumeSource*> source = node.volumes(row->storage);
  return source ? (*source)->has_room().context(what) : Result<>();
}

RuntimeKind choose_runtime(const Node& node, const std::string& name, const ContainerSpec& spec) {
  return spec.runtime ? *spec.runtime : node.config.container_type(name).kind;
}

ContainerSpec with_defaults(const Node& node, ContainerSpec spec, RuntimeKind kind) {
  const Config& config = node.config;
  spec.runtime = kind;
  if (spec.image.empty() && spec.rootfs.empty() && kind != RuntimeKind::pve_lxc) {
    spec.image = config.container.default_image;
  }
  if (!spec.networks) {
    spec.networks.emplace();
    if (!config.network.default_bridge.empty()) {
      spec.networks->emplace_back();
    }
  }
  for (NetworkSpec& network : *spec.networks) {
    if (network.bridge.empty() && network.kind == NetworkKind::bridge) {
      network.bridge = config.network.default_bridge;
    }
  }
  for (VolumeSpec& volume : spec.volumes) {
    if (volume.storage.empty() && volume.from.empty()) {
      // A guest's volumes lie where Proxmox can reach them, a folder of ours does not.
      const bool local = is_local_storage(config.storage.default_storage);
      volume.storage = local && kind == RuntimeKind::pve_lxc ? config.storage.guest_storage
                                                             : config.storage.default_storage;
    }
  }
  if (spec.resources.memory_mib == 0) {
    spec.resources.memory_mib = static_cast<std::uint64_t>(config.container.memory_mib);
  }
  if (config.policy.own_users_only && kind != RuntimeKind::pve_lxc &&
      spec.security.user_namespace.empty()) {
    spec.security.user_namespace = "auto";
  }
  return spec;
}

Result<> admit_container(const Node& node, const std::string& name, const ContainerSpec& wish) {
  const RuntimeKind kind = choose_runtime(node, name, wish);
  runtimes::Runtime* runtime = TRY(node.runtime(kind));
  const ContainerSpec spec = with_defaults(node, wish, kind);
  if (spec.image.empty() && spec.rootfs.empty()) {
    return fail(Code::invalid,
                "container {} names neither image nor rootfs, and this node has no default image",
                name);
  }
  if (runtimes::names_container(spec.image) && !spec.volumes.empty()) {
    return fail(Code::refused,
                "volumes: a copy of a container has the volumes of that one, and no others; name "
                "none");
  }
  TRY(admit_root_of(node, spec, *runtime));
  TRY(check_networks(node, *spec.networks));
  TRY(check_log(node.config.log, spec.log));
  if (!runtime->capabilities().provisions_itself) {
    TRY(check_gateways(*spec.networks));
    TRY(check_own_users(node, spec, kind));
    for (const NetworkSpec& network : *spec.networks) {
      TRY(node.networks.check_lease(network));
    }
  }
  for (const VolumeSpec& volume : spec.volumes) {
    if (volume.from.empty()) {
      const std::string what = fmt::format("container {}, volume {}", name, volume.name);
      const runtimes::VolumeSource* source = TRY(node.volumes(volume.storage));
      // Of a guest's disks Proxmox knows best: its plugins may be somebody else's.
      if (!runtime->capabilities().provisions_itself) {
        TRY(check_storage(node, volume.storage, what));
      }
      TRY(check_size(*source, volume.size_mib, what));
    }
  }
  TRY(runtime->accepts(spec));
  TRY(check_singleton(node, spec).context("container " + name));
  TRY(runtimes::check_journal_name(spec.log, kind, name));
  TRY(admit_policy(node.config, spec, kind));
  return check_secrets(node, spec.secrets);
}

}  // namespace drover::jobs
