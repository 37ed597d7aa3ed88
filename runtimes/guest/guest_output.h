// GuestOutput: has what guests of Proxmox print kept in Layout::log, as other runtimes' is.
//
// Proxmox starts a guest by the unit pve-container@VMID.service, which runs lxc-start(1). A drop-in
// of this one instance, on this node only, has LXC log the guest's console too: of a guest it is
// what its programs have as standard output and error (docs/decisions/0035-output-of-guests.md).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "runtimes/container.h"
#include "runtimes/layout.h"

namespace drover::runtimes {

struct GuestOutputOptions {
  system::Path units;                     ///< of systemd's, for drop-ins; "" keeps no output
  system::Path configs = "/etc/pve/lxc";  ///< VMID.conf of each guest
  Layout layout{};
  std::uint64_t file_bytes = std::uint64_t{8} << 20;  ///< of each of two files, a power of two
  /// Is told why the output of a guest that is made or started is not kept, by any thread.
  std::function<void(std::string_view)> warn = [](std::string_view) {};
};

/// A drop-in of ours, whole or not. What it says of itself is all that it tells.
struct FoundDropIn {
  system::Path file;
  std::string container;  ///< with the job "" of one that has no text
  std::string job;
};

/// Those below `units`.
std::vector<FoundDropIn> found_drop_ins(const system::Path& units);
/// Takes it away with its folder. Absent is success.
Result<> remove_drop_in(const system::Path& file);

/// The program that the text of a unit starts a guest by, when it does it as is known here:
/// "PROGRAM -F -n %i". "" otherwise: nobody could say what a drop-in would take from it.
std::string start_program(std::string_view unit);

/// Thread-safe: it keeps no state but on the node.
class GuestOutput {
 public:
  explicit GuestOutput(GuestOutputOptions options) : options_(std::move(options)) {}

  /// Has the output of this guest kept from its next start on. Done already is success. On a node
  /// that keeps none what was made before goes: its command may be no longer the unit's.
  Result<> keep(const Container& container, Vmid vmid) const;
  /// The same of one that is about to be started, and runs nowhere: a log that is larger than its
  /// bound now is turned, LXC would write nothing to it. What fails is warned of only: no guest
  /// stays down for its output.
  void keep_for_start(const Container& container, Vmid vmid) const;
  void warn(std::string_view why) const { options_.warn(why); }
  /// Takes away what `keep` has made for the container, under whichever numbers it had, but not its
  /// log and the folder of that.
  Result<> forget(const Container& container) const;
  /// Why no output of guests is kept on this node; "" when it is.
  std::string why_not() const;

 private:
  /// The program of Proxmox's unit on this node; `refused`, with why, where no output is kept.
  Result<std::string> program() const;
  /// What `keep` does; whether the output is kept then.
  Result<bool> keep_where_possible(const Container& container, Vmid vmid) const;
  std::string drop_in(const Container& container, Vmid vmid, const std::string& program) const;
  system::Path drop_in_file(Vmid vmid) const;

  GuestOutputOptions options_;
};

}  // namespace drover::runtimes
