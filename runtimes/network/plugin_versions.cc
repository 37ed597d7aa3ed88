#include "runtimes/network/plugin_versions.h"

#include <fmt/ranges.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "runtimes/network/cni.h"

namespace drover::runtimes {
namespace {

/// Those with chains and interfaces in their results, the newest first.
constexpr std::array<std::string_view, 3> kOurVersions = {"1.0.0", "0.4.0", "0.3.1"};

bool speaks(const std::vector<std::string>& versions, std::string_view version) {
  return std::find(versions.begin(), versions.end(), version) != versions.end();
}

}  // namespace

Result<std::vector<std::string>> PluginVersions::spoken_by(const std::string& type,
                                                           const std::vector<system::Path>& folders,
                                                           const system::Stop& stop) {
  const system::Path plugin = TRY(find_plugin(type, folders));
  struct stat file {};
  const bool there = stat(plugin.c_str(), &file) == 0;
  const std::string key = there ? fmt::format("{} {} {}.{}", plugin.native(), file.st_ino,
                                              file.st_mtim.tv_sec, file.st_mtim.tv_nsec)
                                : plugin.native();
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = spoken_.find(key); known != spoken_.end()) {
      return known->second;
    }
  }
  const json::Value answer = TRY(call_cni(
      {"VERSION", "", {}, "", json::Object{{"cniVersion", kOurVersions.front()}, {"type", type}}},
      folders, stop));
  std::vector<std::string> versions;
  if (const json::Array* array = answer.at("supportedVersions").array()) {
    for (const json::Value& version : *array) {
      versions.emplace_back(version.string_or(""));
    }
  }
  const std::lock_guard lock(mutex_);
  spoken_.insert_or_assign(key, versions);
  return versions;
}

Result<std::string> PluginVersions::common(const std::vector<std::string>& types,
                                           const std::vector<system::Path>& folders,
                                           const system::Stop& stop) {
  std::vector<std::pair<std::string, std::vector<std::string>>> spoken;
  for (const std::string& type : types) {
    spoken.emplace_back(type, TRY(spoken_by(type, folders, stop)));
  }
  for (const std::string_view version : kOurVersions) {
    if (std::all_of(spoken.begin(), spoken.end(),
                    [&](const auto& one) { return speaks(one.second, version); })) {
      return std::string(version);
    }
  }
  std::vector<std::string> said;
  for (const auto& [type, versions] : spoken) {
    said.push_back(fmt::format("{} speaks {}", type, fmt::join(versions, ", ")));
  }
  return fail(Code::refused,
              "CNI plugins have no version in common that is one of {}: {}; have them all from one "
              "package (containernetworking-plugins)",
              fmt::join(kOurVersions, ", "), fmt::join(said, "; "));
}

}  // namespace drover::runtimes
