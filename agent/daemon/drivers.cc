#include "agent/daemon/drivers.h"

#include <unistd.h>

#include <bit>
#include <utility>

#include "agent/doctor/examine_node_storage.h"
#include "agent/doctor/proxmox_endpoint.h"
#include "agent/system/log.h"
#include "runtimes/guest/guest_runtime.h"
#include "runtimes/lxc/lxc_runtime.h"
#include "runtimes/oci/oci_runtime.h"
#include "runtimes/volumes/proxmox_volumes.h"

namespace drover::daemon {
namespace {

runtimes::NetworkOptions network_options(const Config& config) {
  runtimes::NetworkOptions options;
  options.with_proxmox = config.proxmox.enabled;
  options.node = doctor::node_name(config).value_or("");  // `make` says what is wrong with it
  options.plugin_folders = config.network.plugin_folders;
  for (const NetworkConfig::Range& range : config.network.ranges) {
    options.ranges.push_back({range.bridge, range.subnet, range.first, range.last, range.gateway});
  }
  return options;
}

runtimes::SkopeoOptions skopeo_options(const ImagesConfig& images) {
  return {.auth_file = images.auth_file,
          .policy_file = images.policy_file,
          .certificate_folder = images.certificate_folder,
          .timeout = std::chrono::seconds(images.timeout_s)};
}

path lxc_program(const Config& config) {
  return config.bus.lxc_program.empty() ? path(DROVER_LIBEXEC_DIR) / "drover-lxc"
                                        : config.bus.lxc_program;
}

path exec_program(const Config& config) {
  return config.bus.exec_program.empty() ? path(DROVER_LIBEXEC_DIR) / "drover-exec"
                                         : config.bus.exec_program;
}

proxmox::NodeStorage node_storage(const Config& config) {
  return proxmox::NodeStorage(doctor::storage_program(config));
}

runtimes::LogBounds log_bounds(const LogConfig& log) {
  constexpr int kMib = 20;
  return {static_cast<std::uint64_t>(log.max_size_mib) << kMib,
          static_cast<std::uint64_t>(log.max_files)};
}

/// LXC knows powers of two only.
std::uint64_t guest_log_bytes(const Config& config) {
  constexpr unsigned kHalfAMib = 19;
  return std::bit_floor(static_cast<std::uint64_t>(config.log.guest_mib) << kHalfAMib);
}

}  // namespace

Drivers::Drivers(const Config& config, runtimes::Layout layout, system::Clock& clock)
    : config_(config),
      layout_(layout),
      local_volumes_(layout),
      local_images_(layout),
      xfs_images_(layout, runtimes::kXfsImages),
      btrfs_volumes_(layout),
      thin_volumes_(config.storage.thin_group, config.storage.thin_pool, clock),
      networks_(layout, network_options(config)),
      images_(layout, skopeo_options(config.images)) {}

Result<std::unique_ptr<Drivers>> Drivers::make(const Config& config, system::Clock& clock) {
  runtimes::Layout layout;
  layout.state = config.runtime.state_folder;
  layout.run = config.runtime.run_folder;
  std::unique_ptr<Drivers> drivers(new Drivers(config, layout, clock));
  std::string name = TRY(doctor::node_name(config));
  if (config.proxmox.enabled) {
    TRY(drivers->connect_proxmox(clock));
  }
  drivers->add_runtimes(clock);
  std::map<RuntimeKind, runtimes::Runtime*> runtimes;
  for (const auto& runtime : drivers->runtimes_) {
    runtimes.emplace(runtime->kind(), runtime.get());
  }
  if (!config.etcd.endpoints.empty()) {
    drivers->singletons_ =
        TRY(jobs::Singletons::make(config.etcd, {name, layout, exec_program(config)}));
  }
  drivers->node_.reset(new jobs::Node{
      std::move(name), config, layout, std::move(runtimes), drivers->local_volumes_,
      drivers->local_images_, drivers->proxmox_volumes_.get(), drivers->proxmox_network_.get(),
      drivers->network_configuration_.get(), drivers->networks_, drivers->images_,
      drivers->templates_.get(), drivers->vnets_.get(), drivers->leases_.get(),
      drivers->storages_.get(), drivers->links_.get()});
  drivers->node_->other_volumes = {{"local-xfs", &drivers->xfs_images_},
                                   {"local-btrfs", &drivers->btrfs_volumes_},
                                   {"local-thin", &drivers->thin_volumes_}};
  drivers->node_->singletons = drivers->singletons_.get();
  return drivers;
}

Result<> Drivers::connect_proxmox(system::Clock& clock) {
  const proxmox::Endpoint endpoint = TRY(doctor::proxmox_endpoint(config_));
  client_ = TRY(proxmox::make_https_client(endpoint, clock));
  ha_ = std::make_unique<proxmox::Ha>(*client_);
  proxmox_network_ = std::make_unique<proxmox::Network>(*client_);
  network_configuration_ = std::make_unique<proxmox::NetworkConfiguration>(*client_, clock);
  vnets_ = std::make_unique<proxmox::Vnets>(*client_, clock, layout_.sdn_lock());
  ipam_ = std::make_unique<proxmox::Ipam>(*client_);
  leases_ = std::make_unique<runtimes::Leases>(*ipam_, layout_.ipam(), client_->node());
  proxmox_volumes_ = std::make_unique<runtimes::ProxmoxVolumes>(
      *client_, clock, Vmid{static_cast<std::uint32_t>(config_.proxmox.volume_owner)},
      node_storage(config_));
  tasks_ = std::make_unique<proxmox::Tasks>(*client_, clock);
  templates_ = std::make_unique<proxmox::Templates>(*client_, *tasks_);
  links_ = std::make_unique<jobs::LinkWatch>(*proxmox_network_, clock);
  storages_ = std::make_unique<jobs::StorageWatch>(*client_, clock, node_storage(config_));
  return {};
}

void Drivers::add_runtimes(system::Clock& clock) {
  const auto memory = static_cast<std::uint64_t>(config_.container.memory_mib);
  const auto pids = static_cast<std::uint64_t>(config_.container.pids);
  const runtimes::LogBounds log = log_bounds(config_.log);
  for (const RuntimeKind kind : {RuntimeKind::runc, RuntimeKind::crun}) {
    const Result<path> program = config_.runtime_path(kind);
    if (!program) {
      system::log_info("without runtime {}: {}", to_string(kind), program.error().message);
      continue;
    }
    runtimes_.push_back(std::make_unique<runtimes::OciRuntime>(
        layout_, runtimes::OciOptions{
                     kind, *program, config_.runtime.conmon, config_.runtime.systemd_cgroup,
                     config_.runtime.seccomp_profile, pids, memory, log, exec_program(config_)}));
  }
  const path monitor = lxc_program(config_);
  if (access(monitor.c_str(), X_OK) == 0) {
    runtimes_.push_back(std::make_unique<runtimes::LxcRuntime>(
        layout_, runtimes::LxcOptions{monitor, pids, memory, log, exec_program(config_),
                                      config_.runtime.seccomp_profile}));
  } else {
    system::log_info("without runtime lxc: {} is not there", monitor.native());
  }
  if (client_ != nullptr) {
    runtimes_.push_back(std::make_unique<runtimes::GuestRuntime>(
        *client_, clock,
        runtimes::GuestOptions{config_.storage.guest_storage,
                               config_.storage.guest_root_mib,
                               Vmid{static_cast<std::uint32_t>(config_.proxmox.first_vmid)},
                               Vmid{static_cast<std::uint32_t>(config_.proxmox.last_vmid)},
                               config_.proxmox.lxc_path,
                               config_.network.default_bridge,
                               config_.storage.default_storage,
                               {config_.proxmox.unit_folder, config_.proxmox.guest_folder, layout_,
                                guest_log_bytes(config_),
                                [](std::string_view why) { system::log_warning("{}", why); }},
                               exec_program(config_),
                               log}));
  }
}

}  // namespace drover::daemon
