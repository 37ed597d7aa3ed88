#include "agent/core/job_options.h"

#include <algorithm>
#include <utility>

#include "agent/core/ascii.h"
#include "agent/core/ids.h"
#include "agent/core/ip_address.h"
#include "agent/core/program_fields.h"
#include "agent/core/snapshot_name.h"

namespace drover {
namespace {

constexpr std::int64_t kMostGrace = 86400;

void read_grace(Fields& fields, JobOptions& options) {
  if (fields.has("grace_s")) {
    options.grace_s = fields.integer("grace_s", 0, 0, kMostGrace);
  }
}

void read_signal(Fields& fields, JobOptions& options) {
  const std::optional<int> signal = signal_from(fields.string("signal", "KILL"));
  if (!signal) {
    fields.fault("signal", "must be a signal's name or its number 1 to 64, as \"TERM\" or \"15\"");
  }
  options.signal = signal.value_or(0);
}

void read_program(Fields& fields, const json::Value& value, JobOptions& options, Faults& faults) {
  fields.require("command");
  options.command = read_command(fields);
  if (value.at("command").array() != nullptr && options.command.empty()) {
    fields.fault("command", "must name a program first");
  }
  options.env = read_environment(fields);
  options.cwd = read_path(fields, "cwd");
  options.user = fields.string("user");
  refuse_nul(fields, "user", options.user);
  options.input = fields.boolean("stdin", false);
  options.terminal = read_terminal(fields, faults, "terminal");
}

void read_limits(Fields& fields, const json::Value& value, JobOptions& options, Faults& faults) {
  options.resources = read_resources(fields, faults);
  fields.object("volumes", [&](const json::Value& sizes, std::string at) {
    Fields volumes(sizes, std::move(at), faults);
    const json::Object none;
    for (const auto& [name, size] : sizes.object() == nullptr ? none : *sizes.object()) {
      options.volumes[name] =
          static_cast<std::uint64_t>(volumes.integer(name, 0, 1, kMostVolumeMib));
    }
  });
  // What is wrong has its own fault, and was named all the same.
  const auto names_none = [&value](std::string_view key) {
    const json::Object* const given = value.at(key).object();
    return value.at(key).is_null() || (given != nullptr && given->empty());
  };
  if (names_none("resources") && names_none("volumes")) {
    fields.fault(
        "resources",
        "must name at least one of memory_mib, swap_mib, cpus, cpuset, cpu_shares, pids, io, "
        "hugetlb_mib and disk_mib, or volumes one");
  }
}

void read_upgrade(Fields& fields, JobOptions& options) {
  constexpr std::int64_t kMostWatch = 3600;
  options.image = fields.string("image");
  options.rollback = fields.boolean("rollback", false);
  options.forget = fields.boolean("forget", false);
  const int wishes =
      (options.image.empty() ? 0 : 1) + (options.rollback ? 1 : 0) + (options.forget ? 1 : 0);
  if (wishes != 1) {
    fields.fault("image", "must be there, or \"rollback\": true, or \"forget\": true: one of them");
  } else if (!options.image.empty()) {
    if (const Result<> checked = check_target(TargetKind::image, options.image); !checked) {
      fields.fault("image", checked.error().message);
    }
  }
  if (fields.has("watch_s")) {
    options.watch_s = fields.integer("watch_s", 0, 0, kMostWatch);
  }
  read_grace(fields, options);
}

void read_size(Fields& fields, JobOptions& options) {
  fields.require("size_mib");
  options.size_mib = static_cast<std::uint64_t>(fields.integer("size_mib", 0, 1, kMostVolumeMib));
}

/// That of a volume is one itself; those of containers have names by Proxmox's rules.
void read_snapshot(Fields& fields, JobOptions& options, Result<> (*check)(std::string_view name)) {
  fields.require("snapshot");
  options.snapshot = fields.string("snapshot");
  if (const Result<> checked = check(options.snapshot); !checked && !options.snapshot.empty()) {
    fields.fault("snapshot", checked.error().message);
  }
}

void read_backup(Fields& fields, const json::Value& value, JobOptions& options) {
  fields.require("storage");
  options.storage = fields.string("storage");
  if (value.at("storage").string() != nullptr && options.storage.empty()) {
    fields.fault("storage", "must name a storage of Proxmox that takes backups");
  }
  options.mode = fields.one_of("mode", "snapshot", {"snapshot", "suspend", "stop"});
  options.compress = fields.one_of("compress", "zstd", {"zstd", "gzip", "lzo", "none"});
}

void read_migration(Fields& fields, const json::Value& value, JobOptions& options) {
  fields.require("to");
  options.to = fields.string("to");
  const Result<> checked = NodeNameKind::check(options.to);
  if (!checked && value.at("to").string() != nullptr) {
    fields.fault("to", checked.error().message);
  }
  options.restart = fields.boolean("restart", false);
  if (fields.has("grace_s") && !options.restart) {
    fields.fault("grace_s", "is for one that runs only, which moves with \"restart\": true");
  }
  read_grace(fields, options);
  options.storage = fields.string("storage");
}

void read_bridge(Fields& fields, JobOptions& options) {
  options.address = fields.string("address");
  if (!options.address.empty() && !is_host_cidr(options.address)) {
    fields.fault("address",
                 "must be an address that a host can have, with its prefix length and room for "
                 "others in its subnet, as 192.0.2.1/24");
  }
  options.vlan_aware = fields.boolean("vlan_aware", false);
}

/// As Proxmox takes the names of zones.
bool is_zone(const std::string& text) {
  constexpr std::size_t kLongest = 8;
  return text.size() >= 2 && text.size() <= kLongest && is_letter(text.front()) &&
         std::all_of(text.begin(), text.end(), is_alphanumeric);
}

void read_vnet(Fields& fields, JobOptions& options) {
  constexpr std::int64_t kMostTag = 0xFFFFFF;  // of VXLAN; zones with VLANs take fewer
  options.zone = fields.string("zone");
  if (fields.has("tag")) {
    options.tag = fields.integer("tag", 0, 1, kMostTag);
  }
  options.snat = fields.boolean("snat", false);
  if (fields.has("zone") && !is_zone(options.zone)) {
    fields.fault("zone", "must be a zone's name, 2 to 8 letters and digits, a letter first");
  }
  for (const char* key : {"tag", "snat"}) {
    if (fields.has(key) && !fields.has("zone")) {
      fields.fault(key, "is for networks in a zone of Proxmox only: say which, as \"zone\"");
    }
  }
  if (options.snat && options.address.empty()) {
    fields.fault("snat", "needs an address, whose subnet is translated");
  }
  if (!options.zone.empty() && options.vlan_aware && !options.address.empty()) {
    fields.fault("vlan_aware", "is not for networks in a zone that have an address");
  }
}

}  // namespace

JobOptions read_job_options(Verb verb, const json::Value& value, std::string pointer,
                            Faults& faults) {
  Fields fields(value, std::move(pointer), faults);
  JobOptions options;
  switch (verb) {
    case Verb::container_stop:
    case Verb::container_restart:
      read_grace(fields, options);
      break;
    case Verb::container_kill:
      read_signal(fields, options);
      break;
    case Verb::container_delete:
    case Verb::network_remove:
      options.force = fields.boolean("force", false);
      break;
    case Verb::container_exec:
      read_program(fields, value, options, faults);
      break;
    case Verb::container_update:
      read_limits(fields, value, options, faults);
      break;
    case Verb::container_upgrade:
      read_upgrade(fields, options);
      break;
    case Verb::container_checkpoint:
      options.leave_running = fields.boolean("leave_running", false);
      options.tcp_established = fields.boolean("tcp_established", false);
      options.file_locks = fields.boolean("file_locks", false);
      break;
    case Verb::image_pull:
      options.from = fields.string("from");
      options.checksum = fields.string("checksum");
      break;
    case Verb::container_snapshot:
    case Verb::container_rollback:
    case Verb::container_snapshot_delete:
      read_snapshot(fields, options, check_snapshot_name);
      break;
    case Verb::container_backup:
      read_backup(fields, value, options);
      break;
    case Verb::container_migrate:
      read_migration(fields, value, options);
      break;
    case Verb::volume_create:
      options.storage = fields.string("storage");
      if (fields.has("size_mib")) {
        read_size(fields, options);
      }
      break;
    case Verb::volume_resize:
      read_size(fields, options);
      break;
    case Verb::volume_snapshot:
      read_snapshot(fields, options, VolumeNameKind::check);
      break;
    case Verb::network_ensure:
      read_bridge(fields, options);
      read_vnet(fields, options);
      break;
    case Verb::node_drain:
      options.stop_containers = fields.boolean("stop_containers", false);
      break;
    case Verb::node_collect:
      options.leaks = fields.strings("leaks");
      break;
    default:
      break;
  }
  fields.finish();
  return options;
}

json::Object to_json(const JobOptions& options) {
  json::Object object;
  const auto set_text = [&object](std::string_view key, const std::string& text) {
    if (!text.empty()) {
      object.set(key, text);
    }
  };
  const auto set_flag = [&object](std::string_view key, bool flag) {
    if (flag) {
      object.set(key, true);
    }
  };
  if (options.grace_s) {
    object.set("grace_s", *options.grace_s);
  }
  if (options.signal != 0) {
    object.set("signal", std::to_string(options.signal));
  }
  set_flag("force", options.force);
  if (!options.command.empty()) {
    object.set("command", json::Array(options.command.begin(), options.command.end()));
  }
  if (!options.env.empty()) {
    json::Object env;
    for (const auto& [name, value] : options.env) {
      env.append(name, value);
    }
    object.set("env", std::move(env));
  }
  set_text("cwd", options.cwd);
  set_text("user", options.user);
  set_flag("stdin", options.input);
  if (options.terminal) {
    object.set("terminal", to_json(*options.terminal));
  }
  if (json::Object resources = to_json(options.resources); !resources.empty()) {
    object.set("resources", std::move(resources));
  }
  if (!options.volumes.empty()) {
    json::Object volumes;
    for (const auto& [name, size_mib] : options.volumes) {
      volumes.append(name, size_mib);
    }
    object.set("volumes", std::move(volumes));
  }
  set_text("image", options.image);
  set_flag("rollback", options.rollback);
  set_flag("forget", options.forget);
  if (options.watch_s) {
    object.set("watch_s", *options.watch_s);
  }
  set_flag("leave_running", options.leave_running);
  set_flag("tcp_established", options.tcp_established);
  set_flag("file_locks", options.file_locks);
  set_text("from", options.from);
  set_text("checksum", options.checksum);
  set_text("storage", options.storage);
  set_text("to", options.to);
  set_flag("restart", options.restart);
  set_text("mode", options.mode);
  set_text("compress", options.compress);
  if (options.size_mib != 0) {
    object.set("size_mib", options.size_mib);
  }
  set_text("snapshot", options.snapshot);
  set_text("address", options.address);
  set_flag("vlan_aware", options.vlan_aware);
  set_text("zone", options.zone);
  if (options.tag != 0) {
    object.set("tag", options.tag);
  }
  set_flag("snat", options.snat);
  set_flag("stop_containers", options.stop_containers);
  if (!options.leaks.empty()) {
    object.set("leaks", json::Array(options.leaks.begin(), options.leaks.end()));
  }
  return object;
}

}  // namespace drover
