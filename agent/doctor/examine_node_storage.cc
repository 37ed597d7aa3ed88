#include "agent/doctor/examine_node_storage.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <string>

#include "agent/doctor/examine_programs.h"
#include "proxmox/storage.h"
#include "proxmox/storage_types.h"

namespace drover::doctor {

path storage_program(const Config& config) {
  return config.bus.storage_program.empty() ? path(DROVER_LIBEXEC_DIR) / "drover-storage"
                                            : config.bus.storage_program;
}

std::vector<Finding> examine_node_storage(proxmox::Client& client, const Config& config,
                                          system::Clock& clock, const system::Stop& stop) {
  const path program = storage_program(config);
  if (is_program(program)) {
    return {{"programs", true, program.native()}};
  }
  proxmox::Tasks tasks(client, clock);
  const auto storages = proxmox::Storage(client, tasks).list(stop);
  std::vector<std::string> names;
  for (const proxmox::StorageInfo& storage :
       storages ? *storages : std::vector<proxmox::StorageInfo>()) {
    const auto type = proxmox::type_for_volumes(storage);
    if (type && (*type)->form != proxmox::VolumeForm::file) {
      names.push_back(storage.id);
    }
  }
  if (names.empty()) {
    return {};
  }
  const bool is_needed =
      std::find(names.begin(), names.end(), config.storage.default_storage) != names.end();
  return {{"programs",
           !is_needed,
           fmt::format("{} is missing or cannot be run, without which volumes on {} are not there "
                       "after a reboot and do not grow",
                       program.native(), fmt::join(names, ", ")),
           {"apt install --reinstall drover"}}};
}

}  // namespace drover::doctor
