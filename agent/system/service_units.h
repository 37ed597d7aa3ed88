// Units of this machine's systemd. Without systemd every call does nothing.
#pragma once

#include <string>

namespace drover::system {

/// Has systemd forget that a unit has failed, and with that what it has read of its files: its next
/// start reads them anew. A unit that has ended well is forgotten by itself; one that runs stays as
/// it is. Nobody hears when systemd does not answer. Blocks for at most a second; any thread.
void forget_failed_unit(const std::string& unit);

}  // namespace drover::system
