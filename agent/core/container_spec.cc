#include "agent/core/container_spec.h"

#include <set>

#include "agent/core/annotations.h"
#include "agent/core/json_members.h"
#include "agent/core/oci_patch.h"
#include "agent/core/program_fields.h"
#include "agent/core/signal_name.h"
#include "agent/core/sysctls.h"

namespace drover {
namespace {

constexpr std::size_t kMostLabels = 64;
constexpr std::size_t kMostProbes = 8;

void read_runtime(Fields& fields, ContainerSpec& spec) {
  const std::string runtime = fields.one_of("runtime", "", {"runc", "crun", "lxc", "pve-lxc"});
  spec.runtime = runtime_kind_from(runtime);
}

void read_root(Fields& fields, ContainerSpec& spec) {
  spec.image = fields.string("image");
  refuse_nul(fields, "image", spec.image);
  spec.rootfs = read_path(fields, "rootfs");
  if (!spec.image.empty() && !spec.rootfs.empty()) {
    fields.fault("rootfs", "must not be given together with image");
  }
}

void read_process(Fields& fields, ContainerSpec& spec) {
  spec.command = read_command(fields);
  spec.args = read_arguments(fields, "args");
  spec.env = read_environment(fields);
  spec.cwd = read_path(fields, "cwd");
  spec.user = fields.string("user");
  refuse_nul(fields, "user", spec.user);
  spec.hostname = fields.string("hostname");
  if (!spec.hostname.empty() && !NodeName::parse(spec.hostname)) {
    fields.fault("hostname", "must be 1 to 63 of a-z, 0-9 and '-', no '-' first or last");
  }
  spec.input = fields.boolean("stdin", false);
  spec.terminal = fields.boolean("terminal", false);
}

void read_probes(Fields& fields, ContainerSpec& spec, Faults& faults) {
  fields.each("probes", kMostProbes, [&](const json::Value& element, std::string at) {
    spec.probes.push_back(read_probe(element, std::move(at), faults));
  });
  std::set<std::string> names;
  for (const ProbeSpec& probe : spec.probes) {
    if (!probe.name.empty() && !names.insert(probe.name).second) {
      fields.fault("probes",
                   fmt::format("must have different names; \"{}\" stands twice", probe.name));
    }
  }
}

void read_stop(Fields& fields, ContainerSpec& spec, Faults& faults) {
  fields.object("stop", [&](const json::Value& value, std::string at) {
    Fields stop(value, std::move(at), faults);
    const std::string signal = stop.string("signal");
    if (!signal.empty()) {
      const std::optional<int> number = signal_from(signal);
      if (!number) {
        stop.fault("signal",
                   "must be a signal's name or its number 1 to 64, as \"TERM\" or \"15\"");
      }
      spec.stop_signal = number.value_or(0);
    }
    spec.stop_grace = std::chrono::seconds(stop.integer("grace_s", 10, 0, 86400));
    stop.finish();
  });
}

std::string read_singleton(Fields& fields, Faults& faults) {
  const json::Value* const wish = fields.any("singleton");
  if (wish == nullptr) {
    return "";
  }
  if (wish->object() == nullptr) {
    return fields.boolean("singleton", false) ? std::string(kOwnClaim) : "";
  }
  Fields claimed(*wish, json::pointer_join(fields.pointer(), "singleton"), faults);
  std::string claim = claimed.string("claim", kOwnClaim);
  if (claim != kOwnClaim && !ContainerName::parse(claim)) {
    claimed.fault("claim", "must be 1 to 63 of a-z, 0-9 and '-', no '-' first or last");
  }
  claimed.finish();
  return claim;
}

}  // namespace

ContainerSpec read_container_spec(const json::Value& value, std::string pointer, Faults& faults) {
  Fields fields(value, std::move(pointer), faults);
  ContainerSpec spec;
  read_runtime(fields, spec);
  read_root(fields, spec);
  read_process(fields, spec);
  spec.volumes = read_volumes(fields, faults);
  spec.mounts = read_mounts(fields, spec.volumes, faults);
  spec.secrets = read_secrets(fields, spec.volumes, spec.mounts, faults);
  spec.networks = read_networks(fields, faults);
  spec.dns = read_dns(fields, faults);
  spec.hosts = read_hosts(fields, faults);
  if (const json::Value* firewall = fields.any("firewall")) {
    spec.firewall =
        read_firewall(*firewall, json::pointer_join(fields.pointer(), "firewall"), faults);
  }
  spec.resources = read_resources(fields, faults);
  spec.rlimits = read_process_limits(fields, faults);
  spec.sysctls = read_sysctls(fields);
  spec.devices = read_devices(fields, faults);
  spec.security = read_security(fields, faults);
  read_stop(fields, spec, faults);
  spec.restart = read_restart_policy(fields, faults);
  read_probes(fields, spec, faults);
  spec.labels = fields.strings_by_key("labels");
  if (spec.labels.size() > kMostLabels) {
    fields.fault("labels", fmt::format("must have at most {} members", kMostLabels));
  }
  spec.annotations = read_annotations(fields);
  spec.log = read_log_policy(fields, faults);
  spec.singleton = read_singleton(fields, faults);
  spec.oci = read_oci_patch(fields);
  fields.finish();
  return spec;
}

json::Value to_json(const ContainerSpec& spec) {
  json::Object object;
  if (spec.runtime) {
    object.set("runtime", to_string(*spec.runtime));
  }
  set_unless_empty(object, "image", spec.image);
  set_unless_empty(object, "rootfs", spec.rootfs);
  if (!spec.command.empty()) {
    object.set("command", json::Array(spec.command.begin(), spec.command.end()));
  }
  if (!spec.args.empty()) {
    object.set("args", json::Array(spec.args.begin(), spec.args.end()));
  }
  if (!spec.env.empty()) {
    object.set("env", object_of(spec.env));
  }
  set_unless_empty(object, "cwd", spec.cwd);
  set_unless_empty(object, "user", spec.user);
  set_unless_empty(object, "hostname", spec.hostname);
  if (spec.input) {
    object.set("stdin", true);
  }
  if (spec.terminal) {
    object.set("terminal", true);
  }
  if (!spec.volumes.empty()) {
    object.set("volumes", array_of(spec.volumes));
  }
  if (!spec.mounts.empty()) {
    object.set("mounts", array_of(spec.mounts));
  }
  if (!spec.secrets.empty()) {
    object.set("secrets", array_of(spec.secrets));
  }
  if (spec.networks) {
    object.set("networks", array_of(*spec.networks));
  }
  if (json::Object dns = to_json(spec.dns); !dns.empty()) {
    object.set("dns", std::move(dns));
  }
  if (!spec.hosts.empty()) {
    object.set("hosts", to_json(spec.hosts));
  }
  if (spec.firewall) {
    object.set("firewall", to_json(*spec.firewall));
  }
  if (json::Object resources = to_json(spec.resources); !resources.empty()) {
    object.set("resources", std::move(resources));
  }
  if (!spec.rlimits.empty()) {
    object.set("rlimits", to_json(spec.rlimits));
  }
  if (!spec.sysctls.empty()) {
    object.set("sysctls", object_of(spec.sysctls));
  }
  if (!spec.devices.empty()) {
    object.set("devices", array_of(spec.devices));
  }
  set_security(object, spec.security);
  json::Object stop;
  if (spec.stop_signal != 0) {
    stop.set("signal", std::to_string(spec.stop_signal));
  }
  if (spec.stop_grace != std::chrono::seconds(10)) {
    stop.set("grace_s", std::int64_t{spec.stop_grace.count()});
  }
  if (!stop.empty()) {
    object.set("stop", std::move(stop));
  }
  if (json::Object restart = to_json(spec.restart); !restart.empty()) {
    object.set("restart", std::move(restart));
  }
  if (!spec.probes.empty()) {
    object.set("probes", array_of(spec.probes));
  }
  if (!spec.labels.empty()) {
    object.set("labels", object_of(spec.labels));
  }
  if (!spec.annotations.empty()) {
    object.set("annotations", object_of(spec.annotations));
  }
  if (json::Object log = to_json(spec.log); !log.empty()) {
    object.set("log", std::move(log));
  }
  if (spec.singleton == kOwnClaim) {
    object.set("singleton", true);
  } else if (!spec.singleton.empty()) {
    object.set("singleton", json::Object{{"claim", spec.singleton}});
  }
  if (!spec.oci.empty()) {
    object.set("oci", spec.oci);
  }
  return object;
}

}  // namespace drover
