#include "runtimes/lxc/process_settings.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace drover::runtimes {
namespace {

using Named = std::pair<std::string_view, int>;
constexpr std::array<Named, 16> kResources = {{{"RLIMIT_AS", RLIMIT_AS},
                                               {"RLIMIT_CORE", RLIMIT_CORE},
                                               {"RLIMIT_CPU", RLIMIT_CPU},
                                               {"RLIMIT_DATA", RLIMIT_DATA},
                                               {"RLIMIT_FSIZE", RLIMIT_FSIZE},
                                               {"RLIMIT_LOCKS", RLIMIT_LOCKS},
                                               {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
                                               {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
                                               {"RLIMIT_NICE", RLIMIT_NICE},
                                               {"RLIMIT_NOFILE", RLIMIT_NOFILE},
                                               {"RLIMIT_NPROC", RLIMIT_NPROC},
                                               {"RLIMIT_RSS", RLIMIT_RSS},
                                               {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
                                               {"RLIMIT_RTTIME", RLIMIT_RTTIME},
                                               {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
                                               {"RLIMIT_STACK", RLIMIT_STACK}}};

rlim_t bound_of(const json::Value& limit) {
  const std::uint64_t* above = limit.unsigned_integer();
  // -1, and the highest number, are RLIM_INFINITY.
  return above != nullptr ? *above : static_cast<rlim_t>(limit.integer_or(0));
}

}  // namespace

ProcessSettings process_settings_of(const Spec& spec) {
  ProcessSettings settings;
  const json::Value& process = spec.document().at("process");
  const json::Array* limits = process.at("rlimits").array();
  for (const json::Value& limit : limits == nullptr ? json::Array() : *limits) {
    const auto resource = std::find_if(
        kResources.begin(), kResources.end(),
        [&](const Named& named) { return named.first == limit.at("type").string_or(""); });
    if (resource != kResources.end()) {
      settings.limits.emplace_back(resource->second,
                                   rlimit{bound_of(limit.at("soft")), bound_of(limit.at("hard"))});
    }
  }
  settings.oom_score_adj = std::to_string(process.at("oomScoreAdj").integer_or(0));
  return settings;
}

bool take_settings(const ProcessSettings& settings) {
  for (const auto& [resource, limit] : settings.limits) {
    if (setrlimit(static_cast<__rlimit_resource>(resource), &limit) != 0) {
      return false;
    }
  }
  if (!settings.oom_score_adj.empty()) {
    const int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    // One whose user may not write there keeps the agent's, which is no danger to the node.
    if (file >= 0) {
      [[maybe_unused]] const ssize_t written =
          write(file, settings.oom_score_adj.data(), settings.oom_score_adj.size());
      close(file);
    }
  }
  return true;
}

}  // namespace drover::runtimes
