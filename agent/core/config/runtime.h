// The configuration's section "runtime".
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "agent/core/fields.h"
#include "agent/core/runtime_kind.h"

namespace drover {

using std::filesystem::path;

/// Section "runtime": how containers are run, and which runtime a name gets.
struct RuntimeConfig {
  RuntimeKind default_kind = RuntimeKind::crun;
  struct Rule {
    std::string pattern;  ///< glob over the whole container name
    RuntimeKind kind = RuntimeKind::crun;
  };
  std::vector<Rule> rules;            ///< in order; the first whose pattern matches wins
  std::map<RuntimeKind, path> paths;  ///< set by the admin; others are looked for
  path conmon = "/usr/bin/conmon";
  bool systemd_cgroup = false;
  path seccomp_profile;  ///< "" for none
  path state_folder = "/var/lib/drover";
  path run_folder = "/run/drover";
  std::int64_t workers = 8;        ///< jobs at once
  std::string log_level = "info";  ///< debug, info, warning, error
};

/// The section, with every fault in it and its pointer below `at`.
RuntimeConfig read_runtime_section(const json::Value& value, std::string at, Faults& faults);

}  // namespace drover
