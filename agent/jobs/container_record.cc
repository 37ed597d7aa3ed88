#include "agent/jobs/container_record.h"

#include <fmt/ranges.h>

#include <limits>
#include <utility>

namespace drover::jobs {
namespace {

json::Array to_array(const std::vector<std::string>& strings) {
  return {strings.begin(), strings.end()};
}

std::vector<std::string> strings_of(const json::Value& value) {
  std::vector<std::string> strings;
  if (const json::Array* array = value.array()) {
    for (const json::Value& element : *array) {
      strings.emplace_back(element.string_or(""));
    }
  }
  return strings;
}

std::optional<Vmid> vmid_in(const json::Value& value, std::string_view key) {
  const std::int64_t vmid = value.at(key).integer_or(0);
  return vmid > 0 ? std::optional(Vmid{static_cast<std::uint32_t>(vmid)}) : std::nullopt;
}

}  // namespace

std::uint32_t users_in(const json::Value& record) {
  const std::int64_t first = record.at("users").integer_or(0);
  return first > 0 && first <= std::numeric_limits<std::uint32_t>::max()
             ? static_cast<std::uint32_t>(first)
             : 0;
}

json::Value to_json(const runtimes::ImageConfig& image) {
  return json::Object{{"entrypoint", to_array(image.entrypoint)},
                      {"command", to_array(image.command)},
                      {"env", to_array(image.env)},
                      {"cwd", image.cwd},
                      {"user", image.user},
                      {"stop_signal", image.stop_signal}};
}

runtimes::ImageConfig image_config_from_json(const json::Value& value) {
  return {strings_of(value.at("entrypoint")),
          strings_of(value.at("command")),
          strings_of(value.at("env")),
          std::string(value.at("cwd").string_or("")),
          std::string(value.at("user").string_or("")),
          std::string(value.at("stop_signal").string_or(""))};
}

Root root_of(const ContainerRecord& record) {
  const runtimes::Container& container = record.container;
  return {container.spec.image, record.lower, container.image, record.layers};
}

void set_root(ContainerRecord& record, const Root& root) {
  record.container.spec.image = root.image;
  record.container.image = root.config;
  record.lower = root.lower;
  record.layers = root.layers;
}

json::Value to_json(const Root& root) {
  return json::Object{{"image", root.image},
                      {"lower", root.lower.native()},
                      {"config", to_json(root.config)},
                      {"layers", root.layers}};
}

std::optional<Root> root_from_json(const json::Value& value) {
  if (value.is_null()) {
    return std::nullopt;
  }
  return Root{
      std::string(value.at("image").string_or("")), std::string(value.at("lower").string_or("")),
      image_config_from_json(value.at("config")), std::string(value.at("layers").string_or(""))};
}

std::vector<NetworkSpec> networks_of(const ContainerRecord& record) {
  return record.container.spec.networks.value_or(std::vector<NetworkSpec>());
}

std::optional<NetworkSpec> network_for(const ContainerRecord& record, std::string_view interface) {
  for (const NetworkSpec& spec : networks_of(record)) {
    if (spec.interface == interface) {
      return spec;
    }
  }
  return std::nullopt;
}

json::Object addresses_by_interface(const ContainerRecord& record) {
  json::Object addresses;
  const auto add = [&](const auto& interface) {
    if (!interface.address.empty() && !interface.interface.empty()) {
      addresses.set(interface.interface, interface.address);
    }
  };
  for (const NetworkSpec& spec : networks_of(record)) {
    add(spec);
  }
  for (const runtimes::Attachment& attachment : record.interfaces) {
    add(attachment);
  }
  return addresses;
}

std::string claim_of(const runtimes::Container& container) {
  const std::string& claim = container.spec.singleton;
  return claim == kOwnClaim ? container.name.str() : claim;
}

json::Object claim_view(const runtimes::Container& container) {
  return {{"name", claim_of(container)}, {"attempt", container.attempt}};
}

json::Value to_json(const ContainerRecord& record) {
  const runtimes::Container& container = record.container;
  json::Array mounts;
  for (const runtimes::BindMount& mount : container.mounts) {
    mounts.emplace_back(json::Object{{"source", mount.source.native()},
                                     {"target", mount.target},
                                     {"read_only", mount.read_only}});
  }
  json::Array volumes;
  for (const runtimes::Volume& volume : record.volumes) {
    volumes.push_back(runtimes::to_json(volume));
  }
  json::Array interfaces;
  for (const runtimes::Attachment& attachment : record.interfaces) {
    interfaces.push_back(runtimes::to_json(attachment));
  }
  json::Object object{{"name", container.name.str()},
                      {"job", container.job.str()},
                      {"runtime", to_string(container.runtime)},
                      {"spec", drover::to_json(container.spec)},
                      {"image", to_json(container.image)},
                      {"rootfs", container.rootfs.native()},
                      {"lower", record.lower.native()},
                      {"mounts", std::move(mounts)},
                      {"netns", container.netns.native()},
                      {"volumes", std::move(volumes)},
                      {"networks", std::move(interfaces)}};
  if (container.vmid) {
    object.set("vmid", std::uint64_t{container.vmid->value});
  }
  if (container.source) {
    object.set("source", std::uint64_t{container.source->value});
  }
  if (container.users != 0) {
    object.set("users", std::uint64_t{container.users});
    object.set("user_namespace", container.user_namespace.native());
  }
  if (container.attempt != 0) {
    object.set("attempt", container.attempt);
  }
  if (!record.snapshots.empty()) {
    object.set("snapshots", runtimes::to_json(record.snapshots));
  }
  if (!record.pending.empty()) {
    object.set("pending", to_array(record.pending));
  }
  if (!record.layers.empty()) {
    object.set("layers", record.layers);
  }
  if (record.former) {
    object.set("former", to_json(*record.former));
  }
  if (record.aside) {
    object.set("aside", to_json(*record.aside));
  }
  return object;
}

Result<ContainerRecord> container_record_from_json(const json::Value& value) {
  const ContainerName name = TRY(ContainerName::parse(value.at("name").string_or("")));
  const JobId job = TRY(JobId::parse(value.at("job").string_or("")));
  const std::optional<RuntimeKind> kind = runtime_kind_from(value.at("runtime").string_or(""));
  if (!kind) {
    return fail(Code::broken, "the journal's record of container {} names no runtime", name.str());
  }
  Faults faults;
  ContainerSpec spec = read_container_spec(value.at("spec"), "/spec", faults);
  TRY(faults.result("the journal's record of container " + name.str()));
  ContainerRecord record{{name,
                          job,
                          *kind,
                          std::move(spec),
                          image_config_from_json(value.at("image")),
                          std::string(value.at("rootfs").string_or("")),
                          {},
                          std::string(value.at("netns").string_or("")),
                          std::nullopt},
                         {},
                         {},
                         std::string(value.at("lower").string_or("")),
                         runtimes::snapshots_from_json(value.at("snapshots")),
                         strings_of(value.at("pending")),
                         std::string(value.at("layers").string_or("")),
                         root_from_json(value.at("former")),
                         root_from_json(value.at("aside"))};
  if (const json::Array* mounts = value.at("mounts").array()) {
    for (const json::Value& mount : *mounts) {
      record.container.mounts.push_back({std::string(mount.at("source").string_or("")),
                                         std::string(mount.at("target").string_or("")),
                                         mount.at("read_only").boolean_or(false)});
    }
  }
  if (const json::Array* volumes = value.at("volumes").array()) {
    for (const json::Value& volume : *volumes) {
      runtimes::Volume read = TRY(runtimes::volume_from_json(volume));
      record.volumes.push_back(std::move(read));
    }
  }
  if (const json::Array* interfaces = value.at("networks").array()) {
    for (const json::Value& interface : *interfaces) {
      runtimes::Attachment read = TRY(runtimes::attachment_from_json(interface));
      record.interfaces.push_back(std::move(read));
    }
  }
  record.container.attempt = value.at("attempt").integer_or(0);
  record.container.vmid = vmid_in(value, "vmid");
  record.container.source = vmid_in(value, "source");
  record.container.users = users_in(value);
  record.container.user_namespace = std::string(value.at("user_namespace").string_or(""));
  record.container.lower = record.lower;
  record.container.layers = record.layers;
  return record;
}

Result<ContainerRecord> container_record_from(const std::string& text) {
  const json::Value value = TRY(json::parse(text));
  return container_record_from_json(value);
}

Result<> check_readable(const ContainerRecord& record) {
  const Result<ContainerRecord> read = container_record_from(json::write(to_json(record)));
  if (read) {
    return {};
  }
  std::vector<std::string> faults;
  for (const Fault& fault : read.error().faults) {
    faults.push_back(fmt::format("{} {}", fault.pointer, fault.message));
  }
  return fail(Code::refused, "the guest has what no container of Drover's can have: {}",
              faults.empty() ? read.error().message : fmt::format("{}", fmt::join(faults, "; ")));
}

Result<> forget_pending(std::string& text) {
  if (text.find("\"pending\"") == std::string::npos) {
    return {};
  }
  json::Value record = TRY(json::parse(text));
  if (json::Object* const object = record.object()) {
    object->erase("pending");
    text = json::write(record);
  }
  return {};
}

}  // namespace drover::jobs
