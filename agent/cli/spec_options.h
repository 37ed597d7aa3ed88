// The options of `drover run` as parts of a container's spec. Errors are `invalid` and name the
// option.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/core/container_spec.h"

namespace drover::cli {

/// Mebibytes from "64", "64M", "64MiB", "2G" or "1T".
Result<std::uint64_t> read_size(std::string_view option, std::string_view text);
/// What is wrong with a size or a signal, as an option's check tells it; "" for nothing.
std::string size_fault(const std::string& text);
std::string signal_fault(const std::string& text);
/// "NAME:TARGET[:SIZE[:STORAGE]][:ro]".
Result<VolumeSpec> read_volume(std::string_view text);
/// "NAME:SIZE": a volume's new size, in MiB.
Result<std::pair<std::string, std::uint64_t>> read_volume_size(std::string_view text);
/// "VOLUME:TARGET[:ro]": one that outlives containers.
Result<VolumeSpec> read_mount(std::string_view text);
/// "never", "on-failure[:MOST]" or "always[:MOST]"; MOST is how often in a row.
Result<RestartPolicy> read_restart(std::string_view text);
/// "NAME=VALUE" each.
Result<std::map<std::string, std::string>> read_pairs(std::string_view option,
                                                      const std::vector<std::string>& texts);

}  // namespace drover::cli
