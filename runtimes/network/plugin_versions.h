// PluginVersions: which version of CNI plugins are spoken to in.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "agent/core/result.h"
#include "agent/system/file.h"
#include "agent/system/stop.h"

namespace drover::runtimes {

/// Thread-safe. Each plugin is asked once (CNI_COMMAND=VERSION), and again when its file is
/// another.
class PluginVersions {
 public:
  /// The newest that all of them speak. `refused`, naming who speaks none of ours.
  Result<std::string> common(const std::vector<std::string>& types,
                             const std::vector<system::Path>& folders, const system::Stop& stop);

 private:
  Result<std::vector<std::string>> spoken_by(const std::string& type,
                                             const std::vector<system::Path>& folders,
                                             const system::Stop& stop);

  std::mutex mutex_;
  std::map<std::string, std::vector<std::string>> spoken_;  // by file, as it was
};

}  // namespace drover::runtimes
