// The tags that say whose a guest is.
#pragma once

#include <string>
#include <vector>

#include "agent/core/ids.h"
#include "proxmox/guests.h"
#include "runtimes/container.h"

namespace drover::runtimes {

/// Marks a guest that has been started: the API itself does not tell a new one from a stopped one.
inline constexpr const char* kStartedTag = "started";

/// "drover", "job-ID" and, when the hostname is another one, "name-CONTAINER". Proxmox may fold the
/// case of tags, so capitals of a job's id are written "+a".
std::vector<std::string> tags_of(const Container& container);
/// The hostname that the container's guest gets.
std::string hostname_of(const Container& container);

/// What the tags say of a guest.
struct GuestStamp {
  bool ours = false;
  std::string name;  ///< the container's; the hostname when the tags name none
  std::string job;   ///< "" when it is not ours
  bool started = false;
};
GuestStamp stamp_of(const proxmox::GuestInfo& guest);

}  // namespace drover::runtimes
