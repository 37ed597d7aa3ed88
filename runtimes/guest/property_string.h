// Property strings of Proxmox: "local:101/vm-101-disk-1.raw,mp=/data,size=8G" by their keys.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace drover::runtimes {

/// What has no key is "volume".
std::map<std::string, std::string> properties(std::string_view text);

}  // namespace drover::runtimes
