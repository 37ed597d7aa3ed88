// Guests: LXC containers that Proxmox manages, by number.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/ids.h"
#include "proxmox/task.h"

namespace drover::proxmox {

struct GuestInfo {
  Vmid vmid;
  std::string hostname;
  bool running = false;  ///< the API knows running and stopped only; a frozen guest is running
  std::string lock;      ///< "create", "backup", ...; "" for none
  std::vector<std::string> tags;
};

/// As lists of guests have it; of what is no guest the number is 0.
GuestInfo read_guest(const json::Value& value);

/// Tags as the API has them in one text, "a;b".
std::vector<std::string> split_tags(std::string_view text);
std::string join_tags(const std::vector<std::string>& tags);

/// What POST /nodes/N/lxc is given. Net and mount strings are in pct.conf(5)'s form.
struct GuestRequest {
  std::string template_volume;  ///< "local:vztmpl/debian.tar.gz", or a backup
  std::string hostname;
  std::string rootfs;             ///< "local:1" (GiB); "" for all disks as a backup has them
  std::vector<std::string> nets;  ///< net0, net1...: "name=eth0,bridge=vmbr0,ip=..."
  std::vector<std::string> mount_points;  ///< mp0, mp1...: "local:1,mp=/data"
  std::vector<std::string> tags;
  Form more;             ///< memory, cores, unprivileged, ...
  bool restore = false;  ///< it is a backup; its own configuration holds where this says none
};

/// Its parameters.
Form creation_form(const GuestRequest& request, Vmid vmid);

/// What POST /nodes/N/lxc/SOURCE/clone is given.
struct CopyRequest {
  Vmid source;
  std::string snapshot;  ///< "" for the guest as it is, which must not run then
  std::string hostname;
  std::string description;
};

/// A request whose answer is lost is looked up before anything is said about it: its task is
/// awaited, and the guest shows what has come of it. What has not come is `unavailable`.
class Guests {
 public:
  Guests(Client& client, Tasks& tasks) : client_(client), tasks_(tasks) {}

  /// Takes the first free number of [first, last]: the API cannot reserve one, so the create itself
  /// is the reservation, and one that turns out to be taken means the next. Those of `known`, as
  /// `list` has given them, are not tried. `trying` is told each number before it
  /// is asked for. Alone among these it gives `timed_out` for a lost answer: only the caller knows
  /// its guest among all of [first, last].
  Result<Vmid> create(
      const GuestRequest& request, Vmid first, Vmid last, const std::vector<GuestInfo>& known,
      const Stop& stop, const std::function<void(Vmid)>& trying = [](Vmid) {});
  /// The same of a guest with copies of all disks of another, each on the storage that it is on,
  /// and all else that this one has, tags too, but for addresses of its interfaces. `unavailable`
  /// while the source is locked, as it is until another copy of it is made.
  Result<Vmid> copy(
      const CopyRequest& request, Vmid first, Vmid last, const std::vector<GuestInfo>& known,
      const Stop& stop, const std::function<void(Vmid)>& trying = [](Vmid) {});
  /// All LXC guests of this node.
  Result<std::vector<GuestInfo>> list(const Stop& stop);
  Result<GuestInfo> status(Vmid vmid, const Stop& stop);
  Result<> start(Vmid vmid, const Stop& stop);
  /// Asks the guest's init to end; after `grace` it is ended by force.
  Result<> shutdown(Vmid vmid, std::chrono::seconds grace, const Stop& stop);
  /// Ends it at once. One that is not running is success.
  Result<> stop(Vmid vmid, const Stop& stop);
  /// Waits for the tasks of a guest that we, or an earlier agent, have begun, however they end: of
  /// `vmid`, or with none given for every creation of a number in [first, last], because until it
  /// has ended nobody can tell which container that will be. On `stop` those go on.
  Result<> settle(std::optional<Vmid> vmid, Vmid first, Vmid last, const Stop& stop);
  /// The same for copies of `source`, whose tasks do not tell what they make: on `stop` they go on.
  Result<> settle_copies(Vmid source, const Stop& stop);
  /// With its volumes. `force` also a running one. Absent is success.
  Result<> remove(Vmid vmid, bool force, const Stop& stop);

 private:
  /// Has `make` try one free number after the other.
  Result<Vmid> take_number(Vmid first, Vmid last, const std::vector<GuestInfo>& known,
                           const std::string& hostname, const std::function<Result<>(Vmid)>& make);
  /// Waits until what `answer` began has ended; when the answer is lost, looks whether the guest is
  /// as `wanted`.
  Result<> finish(const Result<json::Value>& answer, std::chrono::milliseconds timeout, Vmid vmid,
                  std::string_view wanted, const Stop& stop);

  Client& client_;
  Tasks& tasks_;
};

}  // namespace drover::proxmox
