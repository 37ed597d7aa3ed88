#include "agent/core/config.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "agent/core/config/written_by_jobs.h"
#include "agent/core/fields.h"
#include "agent/core/glob.h"

namespace drover {
namespace {

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
  config.labels = read_node_labels(fields);
  fields.object("runtime", [&](const json::Value& value, std::string at) {
    config.runtime = read_runtime_section(value, std::move(at), faults);
  });
  if (fields.has("proxmox")) {
    fields.object("proxmox", [&](const json::Value& value, std::string at) {
      config.proxmox = read_proxmox_section(value, std::move(at), faults);
    });
  } else {
    fields.any("proxmox");
  }
  fields.object("storage", [&](const json::Value& value, std::string at) {
    config.storage = read_storage_section(value, std::move(at), faults);
  });
  fields.object("network", [&](const json::Value& value, std::string at) {
    config.network = read_network_section(value, std::move(at), faults);
  });
  fields.object("container", [&](const json::Value& value, std::string at) {
    config.container = read_container_section(value, std::move(at), faults);
  });
  fields.object("images", [&](const json::Value& value, std::string at) {
    config.images = read_images_section(value, std::move(at), faults);
  });
  fields.object("policy", [&](const json::Value& value, std::string at) {
    config.policy = read_policy_section(value, std::move(at), faults);
  });
  fields.object("bus", [&](const json::Value& value, std::string at) {
    config.bus = read_bus_section(value, std::move(at), faults);
  });
  fields.object("dispatch", [&](const json::Value& value, std::string at) {
    config.dispatch = read_dispatch_section(value, std::move(at), faults);
  });
  fields.object("journal", [&](const json::Value& value, std::string at) {
    config.journal = read_journal_section(value, std::move(at), faults);
  });
  fields.object("log", [&](const json::Value& value, std::string at) {
    config.log = read_log_section(value, std::move(at), faults);
  });
  fields.object("reconcile", [&](const json::Value& value, std::string at) {
    config.reconcile = read_reconcile_section(value, std::move(at), faults);
  });
  fields.object("etcd", [&](const json::Value& value, std::string at) {
    config.etcd = read_etcd_section(value, std::move(at), faults);
  });
  fields.finish();
  check_written_by_jobs(config.policy, config.container.image_folders, document, faults);
  TRY(faults.result("the configuration is not accepted"));
  return config;
}

}  // namespace drover
