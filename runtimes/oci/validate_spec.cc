#include "runtimes/oci/validate_spec.h"

#include <algorithm>
#include <array>
#include <limits>
#include <set>

namespace drover::runtimes {
namespace {

constexpr std::int64_t kMostId = std::numeric_limits<std::uint32_t>::max() - 1;
constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
constexpr std::size_t kMostMounts = 1024;
constexpr std::size_t kMostDevices = 1024;
constexpr std::size_t kMostRlimits = 64;
constexpr std::size_t kMostSeccompRules = 8192;
constexpr std::array<std::string_view, 8> kNamespaces{"pid", "network", "mount",  "ipc",
                                                      "uts", "user",    "cgroup", "time"};

bool is_absolute(std::string_view path) {
  return path.starts_with('/') && path.find('\0') == std::string_view::npos;
}

/// Like Fields::object, but an absent member is no fault and is not read.
void if_there(Fields& fields, std::string_view key,
              const std::function<void(const json::Value&, std::string)>& read) {
  if (fields.has(key)) {
    fields.object(key, read);
  } else {
    fields.any(key);
  }
}

void check_path(Fields& fields, std::string_view key) {
  if (const std::string path = fields.string(key); fields.has(key) && !is_absolute(path)) {
    fields.fault(key, "must be an absolute path");
  }
}

void check_paths(Fields& fields, std::string_view key) {
  for (const std::string& path : fields.strings(key)) {
    if (!is_absolute(path)) {
      fields.fault(key, fmt::format("must hold absolute paths, not \"{}\"", path));
    }
  }
}

void check_user(const json::Value& value, std::string at, Faults& faults) {
  Fields user(value, std::move(at), faults);
  user.integer("uid", 0, 0, kMostId);
  user.integer("gid", 0, 0, kMostId);
  user.integer("umask", 0, 0, 0777);
  if (const json::Value* groups = user.any("additionalGids"); groups != nullptr) {
    const json::Array* array = groups->array();
    if (array == nullptr || !std::all_of(array->begin(), array->end(), [](const json::Value& id) {
          return id.integer() != nullptr && *id.integer() >= 0 && *id.integer() <= kMostId;
        })) {
      user.fault("additionalGids", "must be an array of group numbers");
    }
  }
}

void check_capabilities(const json::Value& value, std::string at, Faults& faults) {
  Fields sets(value, std::move(at), faults);
  for (const std::string_view set :
       {"bounding", "effective", "inheritable", "permitted", "ambient"}) {
    for (const std::string& name : sets.strings(set)) {
      if (!name.starts_with("CAP_")) {
        sets.fault(set, fmt::format("must hold names as CAP_KILL, not \"{}\"", name));
      }
    }
  }
}

/// A whole number from 0 on, of which the largest stand for no limit.
void check_natural(Fields& fields, std::string_view key) {
  const json::Value* number = fields.any(key);
  const bool whole = number == nullptr || number->unsigned_integer() != nullptr ||
                     (number->integer() != nullptr && *number->integer() >= 0);
  if (!whole) {
    fields.fault(key, "must be a whole number, not negative");
  }
}

void check_rlimit(const json::Value& value, std::string at, Faults& faults) {
  Fields limit(value, std::move(at), faults);
  limit.require("type");
  if (const std::string type = limit.string("type");
      limit.has("type") && !type.starts_with("RLIMIT_")) {
    limit.fault("type", fmt::format("must be a name as RLIMIT_NOFILE, not \"{}\"", type));
  }
  for (const std::string_view bound : {"soft", "hard"}) {
    limit.require(bound);
    check_natural(limit, bound);
  }
}

void check_process(const json::Value& value, std::string at, Faults& faults) {
  Fields process(value, std::move(at), faults);
  process.require("cwd");
  check_path(process, "cwd");
  process.require("args");
  const std::vector<std::string> args = process.strings("args");
  if (process.has("args") && (args.empty() || args.front().empty())) {
    process.fault("args", "must name a program first");
  }
  for (const std::string& argument : args) {
    if (argument.find('\0') != std::string::npos) {
      process.fault("args", "must not hold a NUL character");
    }
  }
  for (const std::string& variable : process.strings("env")) {
    const std::size_t equals = variable.find('=');
    if (equals == 0 || equals == std::string::npos || variable.find('\0') != std::string::npos) {
      process.fault("env", "must hold variables as NAME=value, without NUL characters");
    }
  }
  process.boolean("terminal", false);
  process.boolean("noNewPrivileges", false);
  process.integer("oomScoreAdj", 0, -1000, 1000);
  process.string("apparmorProfile");
  process.each("rlimits", kMostRlimits, [&](const json::Value& limit, std::string place) {
    check_rlimit(limit, std::move(place), faults);
  });
  if_there(process, "user", [&](const json::Value& user, std::string pointer) {
    check_user(user, std::move(pointer), faults);
  });
  if_there(process, "capabilities", [&](const json::Value& sets, std::string pointer) {
    check_capabilities(sets, std::move(pointer), faults);
  });
}

void check_mount(const json::Value& value, std::string at, Faults& faults) {
  Fields mount(value, std::move(at), faults);
  mount.require("destination");
  check_path(mount, "destination");
  mount.string("type");
  mount.string("source");
  mount.strings("options");
}

void check_device(const json::Value& value, std::string at, Faults& faults) {
  Fields device(value, std::move(at), faults);
  device.require("path");
  check_path(device, "path");
  device.require("type");
  device.one_of("type", "", {"b", "c", "p", "u"});
  for (const std::string_view number : {"major", "minor", "fileMode", "uid", "gid"}) {
    check_natural(device, number);
  }
}

void check_block_io(const json::Value& value, std::string at, Faults& faults) {
  Fields io(value, std::move(at), faults);
  io.integer("weight", 0, 0, 1000);
  for (const std::string_view rates : {"throttleReadBpsDevice", "throttleWriteBpsDevice",
                                       "throttleReadIOPSDevice", "throttleWriteIOPSDevice"}) {
    io.each(rates, kMostDevices, [&](const json::Value& one, std::string place) {
      Fields rate(one, std::move(place), faults);
      for (const std::string_view number : {"major", "minor", "rate"}) {
        rate.require(number);
        check_natural(rate, number);
      }
    });
  }
}

void check_seccomp(const json::Value& value, std::string at, Faults& faults) {
  Fields filter(value, std::move(at), faults);
  filter.require("defaultAction");
  filter.string("defaultAction");
  filter.strings("architectures");
  filter.each("syscalls", kMostSeccompRules, [&](const json::Value& one, std::string place) {
    Fields rule(one, std::move(place), faults);
    rule.require("names");
    rule.strings("names");
    rule.require("action");
    rule.string("action");
  });
}

void check_resources(const json::Value& value, std::string at, Faults& faults) {
  Fields resources(value, std::move(at), faults);
  if_there(resources, "memory", [&](const json::Value& memory, std::string pointer) {
    Fields limits(memory, std::move(pointer), faults);
    limits.integer("limit", -1, -1, kMost);
    limits.integer("swap", -1, -1, kMost);
  });
  if_there(resources, "cpu", [&](const json::Value& cpu, std::string pointer) {
    Fields limits(cpu, std::move(pointer), faults);
    limits.integer("quota", -1, -1, kMost);
    limits.integer("period", 100'000, 1'000, 1'000'000);
    limits.integer("shares", 1024, 0, 262'144);
    limits.string("cpus");
    limits.string("mems");
  });
  if_there(resources, "blockIO", [&](const json::Value& io, std::string pointer) {
    check_block_io(io, std::move(pointer), faults);
  });
  resources.each("hugepageLimits", kMostDevices, [&](const json::Value& one, std::string place) {
    Fields pages(one, std::move(place), faults);
    pages.require("pageSize");
    pages.string("pageSize");
    pages.require("limit");
    check_natural(pages, "limit");
  });
  resources.each("devices", kMostDevices, [&](const json::Value& one, std::string place) {
    Fields rule(one, std::move(place), faults);
    rule.require("allow");
    rule.boolean("allow", false);
    rule.string("access");
  });
  if_there(resources, "pids", [&](const json::Value& pids, std::string pointer) {
    Fields limits(pids, std::move(pointer), faults);
    limits.integer("limit", -1, -1, kMost);
  });
}

void check_linux(const json::Value& value, std::string at, Faults& faults) {
  Fields linux_part(value, std::move(at), faults);
  std::set<std::string> types;
  linux_part.each("namespaces", kNamespaces.size(), [&](const json::Value& one, std::string place) {
    Fields space(one, std::move(place), faults);
    space.require("type");
    const std::string type = space.string("type");
    if (space.has("type") &&
        std::find(kNamespaces.begin(), kNamespaces.end(), type) == kNamespaces.end()) {
      space.fault("type", fmt::format("no namespace is called \"{}\"", type));
    } else if (!types.insert(type).second) {
      space.fault("type", fmt::format("\"{}\" stands twice", type));
    }
    if (space.has("path")) {
      check_path(space, "path");
    }
  });
  check_paths(linux_part, "maskedPaths");
  check_paths(linux_part, "readonlyPaths");
  linux_part.string("cgroupsPath");
  linux_part.strings_by_key("sysctl");
  if_there(linux_part, "resources", [&](const json::Value& resources, std::string pointer) {
    check_resources(resources, std::move(pointer), faults);
  });
  linux_part.each("devices", kMostDevices, [&](const json::Value& device, std::string place) {
    check_device(device, std::move(place), faults);
  });
  if_there(linux_part, "seccomp", [&](const json::Value& seccomp, std::string pointer) {
    check_seccomp(seccomp, std::move(pointer), faults);
  });
}

}  // namespace

void validate_spec(const json::Value& document, Faults& faults) {
  Fields fields(document, "", faults);
  fields.require("ociVersion");
  if (const std::string version = fields.string("ociVersion");
      fields.has("ociVersion") && !version.starts_with("1.")) {
    fields.fault("ociVersion", fmt::format("must be a version 1, not \"{}\"", version));
  }
  fields.require("process");
  if_there(fields, "process", [&](const json::Value& process, std::string at) {
    check_process(process, std::move(at), faults);
  });
  fields.require("root");
  if_there(fields, "root", [&](const json::Value& root, std::string at) {
    Fields part(root, std::move(at), faults);
    part.require("path");
    if (part.string("path").empty() && part.has("path")) {
      part.fault("path", "must not be empty");
    }
    part.boolean("readonly", false);
  });
  fields.string("hostname");
  fields.each("mounts", kMostMounts, [&](const json::Value& mount, std::string at) {
    check_mount(mount, std::move(at), faults);
  });
  for (const auto& [name, value] : fields.strings_by_key("annotations")) {
    if (name.empty()) {
      fields.fault("annotations", "must have names that are not empty");
    }
  }
  if_there(fields, "linux", [&](const json::Value& linux_part, std::string at) {
    check_linux(linux_part, std::move(at), faults);
  });
}

}  // namespace drover::runtimes
