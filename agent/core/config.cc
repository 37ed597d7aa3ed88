#include "agent/core/config.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "agent/core/fields.h"
#include "agent/core/glob.h"

namespace drover {
namespace {

path read_absolute(Fields& fields, std::string_view key, const path& otherwise) {
  const path value = fields.string(key, otherwise.native());
  if (!value.empty() && !value.is_absolute()) {
    fields.fault(key, "must be an absolute path");
    return otherwise;
  }
  return value;
}

std::vector<path> read_folders(Fields& fields, std::string_view key, std::vector<path> otherwise) {
  if (!fields.has(key)) {
    fields.any(key);
    return otherwise;
  }
  std::vector<path> folders;
  for (const std::string& text : fields.strings(key)) {
    folders.emplace_back(text);
    if (!folders.back().is_absolute()) {
      fields.fault(key, fmt::format("must hold absolute paths; \"{}\" is none", text));
    }
  }
  return folders;
}

RuntimeKind read_kind(Fields& fields, std::string_view key, RuntimeKind otherwise) {
  const std::string name =
      fields.one_of(key, to_string(otherwise), {"runc", "crun", "lxc", "pve-lxc"});
  return runtime_kind_from(name).value_or(otherwise);
}

void read_rules(Fields& fields, RuntimeConfig& runtime, Faults& faults) {
  constexpr std::size_t kMostRules = 1000;
  fields.each("rules", kMostRules, [&](const json::Value& value, std::string at) {
    Fields rule(value, std::move(at), faults);
    rule.require("pattern");
    rule.require("runtime");
    RuntimeConfig::Rule made;
    made.pattern = rule.string("pattern");
    if (rule.has("pattern") && (made.pattern.empty() || made.pattern.size() > 256)) {
      rule.fault("pattern", "must have 1 to 256 characters");
    }
    made.kind = read_kind(rule, "runtime", runtime.default_kind);
    rule.finish();
    runtime.rules.push_back(std::move(made));
  });
}

RuntimeConfig read_runtime(const json::Value& value, std::string at, Faults& faults) {
  Fields fields(value, std::move(at), faults);
  RuntimeConfig runtime;
  runtime.default_kind = read_kind(fields, "default", runtime.default_kind);
  read_rules(fields, runtime, faults);
  for (const RuntimeKind kind : {RuntimeKind::runc, RuntimeKind::crun}) {
    const std::string key = fmt::format("{}_path", to_string(kind));
    if (const path program = read_absolute(fields, key, {}); !program.empty()) {
      runtime.paths.emplace(kind, program);
    }
  }
  runtime.conmon = read_absolute(fields, "conmon_path", runtime.conmon);
  runtime.systemd_cgroup = fields.boolean("systemd_cgroup", false);
  runtime.seccomp_profile = read_absolute(fields, "seccomp_profile", {});
  runtime.state_folder = read_absolute(fields, "state_folder", runtime.state_folder);
  runtime.run_folder = read_absolute(fields, "run_folder", runtime.run_folder);
  runtime.workers = fields.integer("workers", runtime.workers, 1, 256);
  runtime.log_level =
      fields.one_of("log_level", runtime.log_level, {"debug", "info", "warning", "error"});
  fields.finish();
  return runtime;
}

std::string read_https(Fields& fields, std::string_view otherwise) {
  std::string url = fields.string("url", otherwise);
  if (fields.has("url") && (!url.starts_with("https://") || url.ends_with('/'))) {
    fields.fault("url", "must be of the form https://HOST:PORT");
  }
  return url;
}

/// SHA-256 as Proxmox shows it: 32 pairs of hexadecimal digits with colons between them.
std::string read_fingerprint(Fields& fields) {
  std::string text = fields.string("fingerprint");
  constexpr std::size_t kLength = 32 * 3 - 1;
  bool fits = text.empty() || text.size() == kLength;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_digit =
        std::string_view("0123456789abcdefABCDEF").find(text[i]) != std::string_view::npos;
    fits = fits && (i % 3 == 2 ? text[i] == ':' : is_digit);
  }
  if (!fits) {
    fields.fault("fingerprint", "must be 32 pairs of hexadecimal digits, \"AA:BB:...\"");
  }
  return text;
}

void read_proxmox_login(Fields& fields, ProxmoxConfig& proxmox) {
  proxmox.token_file = read_absolute(fields, "token_file", {});
  proxmox.user = fields.string("user");
  proxmox.password_file = read_absolute(fields, "password_file", {});
  if (proxmox.token_file.empty() == proxmox.password_file.empty()) {
    fields.fault("token_file", "must be given, or else user and password_file, and not both");
  } else if (proxmox.user.empty() != proxmox.password_file.empty()) {
    fields.fault("user", "must be given with password_file, and only then");
  } else if (const std::size_t at = proxmox.user.find('@');
             !proxmox.user.empty() &&
             (at == std::string::npos || at == 0 || at + 1 == proxmox.user.size())) {
    fields.fault("user", "must be of the form USER@REALM");
  }
}

ProxmoxConfig read_proxmox(const json::Value& value, std::string at, Faults& faults) {
  Fields fields(value, std::move(at), faults);
  ProxmoxConfig proxmox;
  proxmox.enabled = true;
  proxmox.ca_file = read_absolute(fields, "ca_file", {});
  proxmox.url = read_https(fields, proxmox.url);
  proxmox.fingerprint = read_fingerprint(fields);
  if (proxmox.ca_file.empty() == proxmox.fingerprint.empty()) {
    fields.fault("ca_file", "must be given, or else fingerprint, and not both");
  }
  constexpr std::size_t kMostOthers = 64;
  fields.each("others", kMostOthers, [&](const json::Value& element, std::string where) {
    Fields other(element, std::move(where), faults);
    other.require("url");
    ProxmoxConfig::Server server{read_https(other, ""), read_fingerprint(other)};
    if (proxmox.ca_file.empty() == server.fingerprint.empty()) {
      other.fault("fingerprint", "must be given when there is no ca_file, and only then");
    }
    other.finish();
    proxmox.others.push_back(std::move(server));
  });
  proxmox.node = fields.string("node");
  read_proxmox_login(fields, proxmox);
  proxmox.timeout_s = fields.integer("timeout_s", proxmox.timeout_s, 1, 600);
  constexpr std::int64_t kLeast = 100;
  constexpr std::int64_t kMost = 999'999'999;
  proxmox.volume_owner = fields.integer("volume_owner", proxmox.volume_owner, kLeast, kMost);
  proxmox.first_vmid = fields.integer("first_vmid", proxmox.first_vmid, kLeast, kMost);
  proxmox.last_vmid = fields.integer("last_vmid", proxmox.last_vmid, kLeast, kMost);
  if (proxmox.first_vmid > proxmox.last_vmid) {
    fields.fault("last_vmid", "must not be below first_vmid");
  }
  if (proxmox.volume_owner >= proxmox.first_vmid && proxmox.volume_owner <= proxmox.last_vmid) {
    fields.fault("volume_owner", "must lie outside first_vmid to last_vmid: no guest may have it");
  }
  proxmox.lxc_path = read_absolute(fields, "lxc_path", proxmox.lxc_path);
  proxmox.unit_folder = read_absolute(fields, "unit_folder", proxmox.unit_folder);
  proxmox.guest_folder = read_absolute(fields, "guest_folder", proxmox.guest_folder);
  fields.finish();
  return proxmox;
}

StorageConfig read_storage(const json::Value& value, std::string at, Faults& faults) {
  Fields fields(value, std::move(at), faults);
  StorageConfig storage;
  storage.default_storage = fields.string("default", storage.default_storage);
  storage.guest_storage = fields.string("guest_storage", storage.guest_storage);
  if (is_local_storage(storage.guest_storage)) {
    fields.fault("guest_storage", "must be a storage of Proxmox VE");
  }
  storage.guest_root_mib = fields.integer("guest_root_mib", storage.guest_root_mib, 16, 1 << 30);
  storage.template_storages = fields.strings("template_storages");
  fields.finish();
  return storage;
}

NetworkConfig read_network_section(const json::Value& value, std::string at, Faults& faults) {
  Fields fields(value, std::move(at), faults);
  NetworkConfig network;
  network.default_bridge = fields.string("default_bridge");
  network.plugin_folders = read_folders(fields, "plugin_folders", network.plugin_folders);
  constexpr std::size_t kMostRanges = 1000;
  fields.each("ranges", kMostRanges, [&](const json::Value& element, std::string where) {
    Fields range(element, std::move(where), faults);
    range.require("bridge");
    range.require("subnet");
    NetworkConfig::Range made{range.string("bridge"), range.string("subnet"), range.string("first"),
                              range.string("last"), range.string("gateway")};
    range.finish();
    network.ranges.push_back(std::move(made));
  });
  fields.finish();
  return network;
}

ContainerConfig read_container(const json::Value& value, std::string at, Faults& faults) {
  Fields fields(value, std::move(at), faults);
  ContainerConfig container;
  container.default_image = fields.string("default_image");
  container.image_folders = read_folders(fields, "image_folders", {});
  container.memory_mib = fields.integer("memory_mib", 0, 0, std::int64_t{64} << 20);
  container.pids = fields.integer("pids", container.pids, 1, 4194304);
  fields.finish();
  return container;
}

BusConfig read_bus(const json::Value& value, std::string at, Faults& faults) {
  Fields fields(value, std::move(at), faults);
  BusConfig bus;
  bus.folder = read_absolute(fields, "folder", {});
  bus.front_user = fields.string("front_user", bus.front_user);
  if (bus.front_user.empty()) {
    fields.fault("front_user", "must name a user");
  }
  bus.front_program = read_absolute(fields, "front_program", {});
  bus.lxc_program = read_absolute(fields, "lxc_program", {});
  bus.storage_program = read_absolute(fields, "storage_program", {});
  bus.queue = fields.integer("queue", bus.queue, 1, 1'000'000);
  bus.queue_mib = fields.integer("queue_mib", bus.queue_mib, 1, 65'536);
  fields.finish();
  return bus;
}

JournalConfig read_journal(const json::Value& value, std::string at, Faults& faults) {
  Fields fields(value, std::move(at), faults);
  JournalConfig journal;
  constexpr std::int64_t kYear = 31'536'000;
  journal.dedupe_s = fields.integer("dedupe_s", journal.dedupe_s, 60, kYear);
  journal.keep_events_s = fields.integer("keep_events_s", journal.keep_events_s, 60, kYear);
  journal.keep_events = fields.integer("keep_events", journal.keep_events, 1000, 10'000'000);
  journal.reserve_mib = fields.integer("reserve_mib", journal.reserve_mib, 0, 1'048'576);
  fields.finish();
  return journal;
}

LogConfig read_log(const json::Value& value, std::string at, Faults& faults) {
  Fields fields(value, std::move(at), faults);
  LogConfig log;
  log.keep_deleted_s = fields.integer("keep_deleted_s", log.keep_deleted_s, 0, 31'536'000);
  log.keep_deleted = fields.integer("keep_deleted", log.keep_deleted, 1, 100'000);
  log.keep_deleted_mib = fields.integer("keep_deleted_mib", log.keep_deleted_mib, 1, 1'048'576);
  log.guest_mib = fields.integer("guest_mib", log.guest_mib, 2, 1'048'576);
  fields.finish();
  return log;
}

ReconcileConfig read_reconcile(const json::Value& value, std::string at, Faults& faults) {
  Fields fields(value, std::move(at), faults);
  ReconcileConfig reconcile;
  constexpr std::int64_t kHour = 3600;
  constexpr std::int64_t kMonth = 2'592'000;
  reconcile.every_s = fields.integer("every_s", reconcile.every_s, 1, kHour);
  reconcile.grace_s = fields.integer("grace_s", reconcile.grace_s, 1, kMonth);
  reconcile.collect = fields.boolean("collect", reconcile.collect);
  fields.finish();
  return reconcile;
}

bool is_program(RuntimeKind kind) {
  return kind == RuntimeKind::runc || kind == RuntimeKind::crun;
}

/// Whether only root can put another program there.
Result<> check_program(const path& program) {
  struct stat found {};
  if (!program.is_absolute()) {
    return fail(Code::invalid, "runtime path {}: must be absolute", program.native());
  }
  if (stat(program.c_str(), &found) != 0) {
    return fail(Code::not_found, "runtime path {}: does not exist", program.native());
  }
  if (!S_ISREG(found.st_mode) || access(program.c_str(), X_OK) != 0) {
    return fail(Code::invalid, "runtime path {}: is no executable file", program.native());
  }
  if ((found.st_mode & (S_IWGRP | S_IWOTH)) != 0 ||
      (found.st_uid != 0 && found.st_uid != geteuid())) {
    return fail(Code::refused, "runtime path {}: others than root may change it", program.native());
  }
  return {};
}

}  // namespace

RoutingChoice Config::container_type(std::string_view name) const {
  for (std::size_t i = 0; i < runtime.rules.size(); ++i) {
    if (glob_match(runtime.rules[i].pattern, name)) {
      return RoutingChoice{runtime.rules[i].kind, i};
    }
  }
  return RoutingChoice{runtime.default_kind, std::nullopt};
}

bool Config::routes_to(RuntimeKind kind) const {
  return runtime.default_kind == kind ||
         std::any_of(runtime.rules.begin(), runtime.rules.end(),
                     [kind](const RuntimeConfig::Rule& rule) { return rule.kind == kind; });
}

Result<> Config::set_runtime_path(RuntimeKind kind, const path& program) {
  if (!is_program(kind)) {
    return fail(Code::invalid, "runtime {} is no program", to_string(kind));
  }
  TRY(check_program(program));
  runtime.paths[kind] = program;
  return {};
}

Result<path> Config::runtime_path(RuntimeKind kind) const {
  if (!is_program(kind)) {
    return fail(Code::invalid, "runtime {} is no program", to_string(kind));
  }
  if (const auto set = runtime.paths.find(kind); set != runtime.paths.end()) {
    TRY(check_program(set->second));
    return set->second;
  }
  // Debian installs runc into /usr/sbin, which is on no user's PATH.
  std::string tried;
  for (const char* folder : {"/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"}) {
    const path program = path(folder) / std::string(to_string(kind));
    if (check_program(program)) {
      return program;
    }
    tried += (tried.empty() ? "" : ", ") + program.native();
  }
  return fail(Code::not_found, "no program for runtime {}: tried {} (apt install {})",
              to_string(kind), tried, to_string(kind));
}

Result<Config> parse_config(std::string_view text) {
  const json::Value document = TRY(json::parse(text, {.comments = true}));
  Faults faults(text);
  Config config;
  Fields fields(document, "", faults);
  config.node = fields.string("node");
  if (!config.node.empty() && !NodeName::parse(config.node)) {
    fields.fault("node", "must be 1 to 63 of a-z, 0-9 and '-', no '-' first or last");
  }
  fields.object("runtime", [&](const json::Value& value, std::string at) {
    config.runtime = read_runtime(value, std::move(at), faults);
  });
  if (fields.has("proxmox")) {
    fields.object("proxmox", [&](const json::Value& value, std::string at) {
      config.proxmox = read_proxmox(value, std::move(at), faults);
    });
  } else {
    fields.any("proxmox");
  }
  fields.object("storage", [&](const json::Value& value, std::string at) {
    config.storage = read_storage(value, std::move(at), faults);
  });
  fields.object("network", [&](const json::Value& value, std::string at) {
    config.network = read_network_section(value, std::move(at), faults);
  });
  fields.object("container", [&](const json::Value& value, std::string at) {
    config.container = read_container(value, std::move(at), faults);
  });
  fields.object("bus", [&](const json::Value& value, std::string at) {
    config.bus = read_bus(value, std::move(at), faults);
  });
  fields.object("journal", [&](const json::Value& value, std::string at) {
    config.journal = read_journal(value, std::move(at), faults);
  });
  fields.object("log", [&](const json::Value& value, std::string at) {
    config.log = read_log(value, std::move(at), faults);
  });
  fields.object("reconcile", [&](const json::Value& value, std::string at) {
    config.reconcile = read_reconcile(value, std::move(at), faults);
  });
  fields.finish();
  TRY(faults.result("the configuration is not accepted"));
  return config;
}

}  // namespace drover
