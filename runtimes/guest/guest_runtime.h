// GuestRuntime: containers that are guests of Proxmox itself (pct).
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "agent/system/clock.h"
#include "proxmox/backups.h"
#include "proxmox/guest_disks.h"
#include "proxmox/guest_migration.h"
#include "proxmox/guest_snapshots.h"
#include "proxmox/guests.h"
#include "runtimes/guest/guest_options.h"
#include "runtimes/guest/guest_tags.h"
#include "runtimes/lxc/lxc_tools.h"
#include "runtimes/runtime.h"
#include "runtimes/sessions/monitored_sessions.h"

namespace drover::runtimes {

/// Makes, starts, stops and removes guests through the API; freezes them, signals their init and
/// runs programs in them through LXC, which therefore must be on this node. A guest is ours by its
/// tags alone: it is found by the name and the job they carry, first where Container::vmid says,
/// then among all, and a guest that somebody else has tagged differently is `not_found`.
///
/// An exit code is known only of a guest that `stop` has ended, on kernels that tell it (6.15).
class GuestRuntime final : public Runtime,
                           private Snapshots,
                           private Backups,
                           private Disks,
                           private Migrations {
 public:
  /// Both must outlive this.
  GuestRuntime(proxmox::Client& client, system::Clock& clock, GuestOptions options);

  RuntimeKind kind() const override { return RuntimeKind::pve_lxc; }
  Capabilities capabilities() const override;
  bool keeps_output() const override { return output_.why_not().empty(); }
  Result<> settle(const Container& container, const Stop& stop) override;
  Result<> accepts(const ContainerSpec& spec) const override;
  Result<Preview> preview(const Container& container) const override;
  /// One that this very job has made before is success.
  Result<> create(const Container& container, const Stop& stop) override;
  Result<Provided> provided(const Container& container, const Stop& stop) override;
  Result<ContainerSpec> spec_of(const Container& container, const Stop& stop) override;
  Result<> start(const Container& container, const Stop& stop) override;
  /// SIGKILL through the API, every other signal to the init itself, whose kernel drops those that
  /// it has no handler for.
  Result<> kill(const Container& container, int signal, const Stop& stop) override;
  /// SIGTERM stands for the guest's own way to halt, and SIGKILL ends it at once; other signals are
  /// `refused`.
  Result<Exit> stop(const Container& container, int signal, std::chrono::milliseconds grace,
                    const Stop& stop) override;
  Result<> pause(const Container& container, const Stop& stop) override;
  Result<> resume(const Container& container, const Stop& stop) override;
  Result<int> exec(const Container& container, const ExecRequest& request, const Sink& out,
                   const Sink& err, const Stop& stop) override;
  ExecSessions* exec_sessions() override { return &sessions_; }
  Result<> update(const Container& container, const Resources& limits, const Stop& stop) override;
  Result<std::vector<std::string>> pending(const Container& container, const Stop& stop) override;
  Result<> keep_output(const Container& container, const Stop& stop) override;
  Result<> forget_output(const Container& container) override { return output_.forget(container); }
  Result<State> state(const Container& container, const Stop& stop) override;
  Result<system::UniqueFd> first_process(const Container& container, const Stop& stop) override;
  Result<> remove(const Container& container, bool force, const Stop& stop) override;
  Snapshots* snapshots() override { return this; }
  Backups* backups() override { return this; }
  Disks* disks() override { return this; }
  Migrations* migrations() override { return this; }
  Result<std::vector<Found>> inventory(const Stop& stop) override;

 private:
  Result<> take_snapshot(const Container& container, const std::string& name, const JobId& job,
                         const Stop& stop) override;
  Result<bool> has_taken(const Container& container, const std::string& name, const JobId& job,
                         const Stop& stop) override;
  Result<std::optional<Exit>> roll_back(const Container& container, const std::string& name,
                                        const Stop& stop) override;
  Result<> remove_snapshot(const Container& container, const std::string& name,
                           const Stop& stop) override;
  Result<Resources> limits(const Container& container, const Stop& stop) override;
  Result<std::vector<Snapshot>> list_snapshots(const Container& container,
                                               const Stop& stop) override;
  Result<Backup> make_backup(const Container& container, const BackupWish& wish, const JobId& job,
                             const Stop& stop) override;
  Result<> remove_backup(const Container& container, const std::string& storage, const JobId& job,
                         const Stop& stop) override;
  Result<> grow(const Container& container, const std::string& volume, std::uint64_t size_mib,
                const Stop& stop) override;
  Result<> check_grown(const Container& container, const std::string& volume,
                       std::uint64_t size_mib, const Stop& stop) override;
  Result<DiskSizes> disk_sizes(const Container& container, const Stop& stop) override;
  Result<> check_migration(const Container& container, const std::string& node,
                           const Stop& stop) override;
  Result<std::string> migrate(const Container& container, const MigrationWish& wish,
                              const Stop& stop) override;
  Result<> start_there(const Container& container, const std::string& node,
                       const Stop& stop) override;
  Result<std::string> other_node_of(const Container& container, const Stop& stop) override;

  /// What LXC calls it.
  static std::string guest_name(Vmid vmid);
  /// For messages.
  static std::string label(const Container& container);
  /// Takes out of a guest's configuration what the backup that it is made of had and its spec does
  /// not name, and gives it the network that its program needs.
  Result<> keep_to_spec(const Container& container, const Stop& stop);
  /// Copies Container::source with a stamp in the description: tags come as the source has them.
  Result<Vmid> copy_source(const Container& container,
                           const std::vector<proxmox::GuestInfo>& guests, const Stop& stop,
                           const std::function<void(Vmid)>& trying);
  /// `conflict` unless it can be copied, and `refused` when what is asked for goes with others
  /// only.
  Result<> check_source(const Container& container, const Stop& stop);
  /// Makes a copy, in one change, the container's own: tags, interfaces, limits.
  Result<> take_over_copy(const Container& container, const Stop& stop);
  /// Whether it is one that has its source's tags still.
  Result<bool> is_copy_in_making(const proxmox::GuestInfo& guest, const Stop& stop);
  /// A copy with the stamp, which has not been taken over yet; `not_found` when there is none.
  Result<proxmox::GuestInfo> find_copy(const Container& container,
                                       const std::vector<proxmox::GuestInfo>& guests,
                                       const Stop& stop);
  /// Waits for the copy that this job has asked for, if it is in the making. Of another copy of the
  /// same source, which is somebody's, nothing is awaited.
  Result<> settle_copy(const Container& container, const Stop& stop);
  /// By its tags.
  Result<proxmox::GuestInfo> find_tagged(const Container& container,
                                         std::vector<proxmox::GuestInfo>& guests, const Stop& stop);
  /// `container` as `find`, once what may yet become of it has come about.
  Result<proxmox::GuestInfo> find_settled(const Container& container, const Stop& stop);

  struct Live {
    Vmid vmid;
    State state;
  };

  /// One that this very job has made before is success.
  Result<> make(const Container& container, const Stop& stop);
  /// `remove`, with the number still known: the undo awaits once more what was asked for.
  Result<> take_away(const Container& container, bool force, const Stop& stop);
  /// Of one that came with its disks: makes the root as large as its spec says.
  Result<> grow_root(const Container& container, const Stop& stop);
  /// What the spec says of it that the guest has not yet.
  Result<> set_program(const Container& container, const Stop& stop);
  /// The same.
  Result<> set_firewall(const Container& container, const Stop& stop);
  Result<proxmox::GuestInfo> find(const Container& container, const Stop& stop);
  Result<State> state_of(const proxmox::GuestInfo& guest, const Stop& stop) const;
  Result<Live> live(const Container& container, const Stop& stop);
  /// `conflict` unless it is in this status.
  Result<Live> live_as(const Container& container, Status wanted, std::string_view verb,
                       const Stop& stop);
  Result<SessionStart> make_session(const Container& container, const ExecRequest& request,
                                    const Stop& stop);
  std::string config_path(Vmid vmid) const;
  Result<> mark_started(Vmid vmid, const Stop& stop);
  Result<> unmark_unless_started(const Container& container, const Stop& stop);
  /// Says whether it has changed them.
  using ChangeTags = std::function<bool(std::vector<std::string>&)>;
  /// Changes the guest's tags and nothing else, also while an admin does.
  Result<> change_tags(Vmid vmid, const ChangeTags& change, const Stop& stop);

  /// What the container's own number is, as far as anybody knows.
  std::optional<Vmid> number_of(const Container& container) const;
  /// The container knows it now, or is gone.
  void forget_number(const Container& container);

  proxmox::Client& client_;
  system::Clock& clock_;
  proxmox::Tasks tasks_;
  proxmox::Guests guests_;
  proxmox::SnapshotCalls snapshot_calls_;
  proxmox::Backups backups_;
  proxmox::DiskCalls disk_calls_;
  proxmox::MigrationCalls migration_calls_;
  proxmox::Storage storage_;
  GuestOptions options_;
  GuestOutput output_;
  MonitoredSessions sessions_;
  mutable std::mutex mutex_;
  /// By job: of guests that were made or asked for here and whose containers were not told yet.
  /// Guarded by mutex_.
  std::map<std::string, Vmid> made_;
};

}  // namespace drover::runtimes
