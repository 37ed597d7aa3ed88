#include "runtimes/guest/guest_request.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>

#include "agent/core/ascii.h"
#include "runtimes/copy_source.h"
#include "runtimes/guest/guest_program.h"
#include "runtimes/guest/network_members.h"

namespace drover::runtimes {
namespace {

template <class... Args>
Failure refuse(std::string_view field, fmt::format_string<Args...> pattern, Args&&... args) {
  return fail(Code::refused, "pve-lxc, {}: {}", field,
              fmt::format(pattern, std::forward<Args>(args)...));
}

bool is_word(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return is_alphanumeric(c) || c == '.' || c == '_' || c == '-';
  });
}

/// Mount and net strings are lists parted by commas: a text with one would add properties of its
/// own.
bool fits_in_list(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return c == ',' || is_control(c); });
}

/// Sizes of new disks are in GiB, with a fraction; Proxmox makes whole MiB of it.
std::string disk(std::string_view storage, std::uint64_t mib) {
  return fmt::format("{}:{}", storage, static_cast<double>(mib) / 1024);
}

Result<> refuse_unmapped(const ContainerSpec& spec) {
  if (!spec.rootfs.empty()) {
    return refuse("rootfs",
                  "a guest is made from a template of a Proxmox storage; name it as image");
  }
  // What a copy runs only its source tells.
  const bool archive = is_archive(spec.image) || names_container(spec.image);
  if (!spec.command.empty() && !archive) {
    return refuse("command",
                  "a guest runs its template's own init; only one of an OCI archive (.tar) can be "
                  "given a program");
  }
  if (!spec.env.empty() && !archive) {
    return refuse("env",
                  "a guest's init has its template's own environment; only one of an OCI archive "
                  "(.tar) can be given variables");
  }
  TRY(entrypoint_of(spec.command));
  TRY(check_environment(spec.env));
  if (!spec.cwd.empty()) {
    return refuse("cwd", "a guest's init starts in /, or where its OCI image says");
  }
  if (!spec.user.empty()) {
    return refuse("user", "a guest's init is its root, or who its OCI image says");
  }
  if (spec.stop_signal != 0) {
    return refuse("stop.signal", "Proxmox sends the signal that the guest's configuration names");
  }
  return {};
}

bool is_volume_of_kind(std::string_view image, std::string_view kind) {
  const std::size_t at = image.find(kind);
  return at != std::string_view::npos && is_word(image.substr(0, at)) &&
         at + kind.size() < image.size() && fits_in_list(image);
}

Result<> check_image(const std::string& image) {
  if (names_container(image)) {
    const Result<CopySource> source = read_copy_source(image);
    return source ? Result<>() : refuse("image", "{}", source.error().message);
  }
  if (!is_volume_of_kind(image, ":vztmpl/") && !is_backup(image)) {
    return refuse("image",
                  "must be a template as STORAGE:vztmpl/FILE, a backup as STORAGE:backup/FILE, or "
                  "another container as container:NAME or container:NAME@SNAPSHOT, not \"{}\"",
                  image);
  }
  return {};
}

Result<std::string> mount_point(const VolumeSpec& volume, std::size_t index,
                                const GuestOptions& options) {
  const std::string at = fmt::format("volumes/{}", index);
  if (!volume.from.empty()) {
    return refuse(at + "/from", "a guest has volumes of its own only, which go with it");
  }
  const std::string& storage = volume.storage.empty() ? options.default_storage : volume.storage;
  if (is_local_storage(storage) || !is_word(storage)) {
    return refuse(at + "/storage", "must be a storage of Proxmox, not \"{}\"", storage);
  }
  if (!fits_in_list(volume.target)) {
    return refuse(at + "/target", "Proxmox takes no path with a comma or control character");
  }
  // Else Proxmox leaves it out of backups.
  return fmt::format("{},mp={},backup=1{}", disk(storage, volume.size_mib), volume.target,
                     volume.read_only ? ",ro=1" : "");
}

/// The disks that are asked for. A copy has those of its source.
Result<> add_disks(const ContainerSpec& spec, const GuestOptions& options,
                   proxmox::GuestRequest& request) {
  if (names_container(spec.image)) {
    return {};
  }
  if (request.restore && spec.volumes.empty()) {
    request.more.emplace_back("storage", options.storage);
  } else {
    const std::uint64_t root_mib = spec.resources.disk_mib;
    request.rootfs = disk(options.storage,
                          root_mib != 0 ? root_mib : static_cast<std::uint64_t>(options.root_mib));
  }
  for (std::size_t i = 0; i < spec.volumes.size(); ++i) {
    std::string volume = TRY(mount_point(spec.volumes[i], i, options));
    request.mount_points.push_back(std::move(volume));
  }
  return {};
}

/// `managed`: Proxmox sets it up, because the program inside is no init that would.
Result<std::string> net(const NetworkSpec& network, std::size_t index, bool managed,
                        const GuestOptions& options) {
  const std::string at = fmt::format("networks/{}", index);
  TRY(refuse_network_members(network, at));
  const std::string& bridge = network.bridge.empty() ? options.default_bridge : network.bridge;
  if (bridge.empty()) {
    return refuse(at + "/bridge", "is missing, and this node has no default bridge");
  }
  if (!is_word(bridge)) {
    return refuse(at + "/bridge", "\"{}\" is no name of a bridge", bridge);
  }
  if (!network.gateway.empty() && network.address.empty()) {
    return refuse(at + "/gateway", "goes only with an address; without one DHCP gives both");
  }
  const bool gateway_is_six = network.gateway.find(':') != std::string::npos;
  const bool is_six = network.address.find(':') != std::string::npos;
  if (!network.gateway.empty() && gateway_is_six != is_six) {
    return refuse(at + "/gateway", "must be of the same IP version as the address");
  }
  std::string text = fmt::format("name={},bridge={}", network.interface, bridge);
  if (network.address.empty()) {
    text += ",ip=dhcp";
  } else {
    text += fmt::format(",{}={}", is_six ? "ip6" : "ip", network.address);
  }
  if (!network.gateway.empty()) {
    text += fmt::format(",{}={}", is_six ? "gw6" : "gw", network.gateway);
  }
  if (network.vlan != 0) {
    text += fmt::format(",tag={}", network.vlan);
  }
  return managed ? text + ",host-managed=1" : text;
}

/// Proxmox takes a rule for an interface that is not there, and heeds it never.
Result<> check_firewall(const ContainerSpec& spec, std::size_t nets) {
  if (!spec.firewall) {
    return {};
  }
  for (std::size_t i = 0; i < spec.firewall->rules.size(); ++i) {
    const std::string& interface = spec.firewall->rules.at(i).iface;
    if (!interface.empty() && std::stoul(interface.substr(3)) >= nets) {
      return refuse(fmt::format("firewall/rules/{}/iface", i), "{} is none of its {} networks",
                    interface, nets);
    }
  }
  return {};
}

Result<> add_resources(const Resources& resources, proxmox::Form& form) {
  constexpr std::uint64_t kLeastMemory = 16;
  if (resources.pids != 0) {
    return refuse("resources.pids", "Proxmox bounds no guest's processes");
  }
  if (resources.memory_mib != 0) {
    if (resources.memory_mib < kLeastMemory) {
      return refuse("resources.memory_mib", "must be at least {}", kLeastMemory);
    }
    form.emplace_back("memory", std::to_string(resources.memory_mib));
    form.emplace_back("swap", "0");
  }
  if (resources.cpus != 0) {
    form.emplace_back("cores", fmt::format("{:.0f}", std::ceil(resources.cpus)));
    form.emplace_back("cpulimit", fmt::format("{:.2f}", resources.cpus));
  }
  return {};
}

}  // namespace

bool is_backup(std::string_view image) {
  return is_volume_of_kind(image, ":backup/");
}

Result<proxmox::GuestRequest> map_spec(const ContainerSpec& spec, const GuestOptions& options) {
  TRY(refuse_unmapped(spec));
  TRY(check_image(spec.image));
  proxmox::GuestRequest request;
  request.template_volume = spec.image;
  request.restore = is_backup(spec.image);
  TRY(add_disks(spec, options, request));
  std::vector<NetworkSpec> networks;
  if (spec.networks) {
    networks = *spec.networks;
  } else if (!options.default_bridge.empty()) {
    networks.emplace_back();
  }
  for (std::size_t i = 0; i < networks.size(); ++i) {
    request.nets.push_back(TRY(net(networks[i], i, !spec.command.empty(), options)));
    if (spec.firewall) {
      request.nets.back() += ",firewall=1";
    }
  }
  TRY(check_firewall(spec, request.nets.size()));
  const bool copies = names_container(spec.image);
  if (!copies) {
    request.more.emplace_back("unprivileged", "1");
  }
  if (request.restore || copies) {
    // What came with it would have Proxmox start it at boot, beside the agent.
    request.more.emplace_back("onboot", "0");
  }
  TRY(add_resources(spec.resources, request.more));
  TRY(add_names(spec, request.more));
  return request;
}

Result<proxmox::Form> limits_form(const Resources& limits) {
  proxmox::Form form;
  TRY(add_resources(limits, form));
  std::string unset;
  if (limits.memory_mib == 0) {
    unset = "memory,swap";
  }
  if (limits.cpus == 0) {
    unset += unset.empty() ? "cores,cpulimit" : ",cores,cpulimit";
  }
  if (!unset.empty()) {
    form.emplace_back("delete", unset);
  }
  return form;
}

Resources limits_of(const json::Value& config) {
  Resources limits;
  // Proxmox writes its own default of the memory down, too, and gives it swap.
  if (config.at("swap").integer_or(-1) == 0) {
    limits.memory_mib =
        static_cast<std::uint64_t>(std::max<std::int64_t>(0, config.at("memory").integer_or(0)));
  }
  const json::Value& share = config.at("cpulimit");
  limits.cpus = share.number();
  if (const std::string* text = share.string()) {
    std::from_chars(text->data(), text->data() + text->size(), limits.cpus);
  }
  return limits;
}

}  // namespace drover::runtimes
