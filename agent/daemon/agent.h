// Agent: the parts of droverd put together, on one loop.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/core/config.h"
#include "agent/daemon/dispatch_links.h"
#include "agent/daemon/drivers.h"
#include "agent/daemon/exit_watch.h"
#include "agent/daemon/front_process.h"
#include "agent/daemon/start_check.h"
#include "agent/daemon/tcp_keys.h"
#include "agent/jobs/intake.h"
#include "agent/jobs/journal/books.h"
#include "agent/jobs/journal/disk_watch.h"
#include "agent/jobs/journal/housekeeping.h"
#include "agent/jobs/journal/journal.h"
#include "agent/jobs/journal/record_keeper.h"
#include "agent/jobs/keep/keeper.h"
#include "agent/jobs/keep/log_turner.h"
#include "agent/jobs/keep/prober.h"
#include "agent/jobs/queries/input_streams.h"
#include "agent/jobs/queries/log_streams.h"
#include "agent/jobs/queries/node_report.h"
#include "agent/jobs/queries/port_streams.h"
#include "agent/jobs/queries/queries.h"
#include "agent/jobs/queries/requests.h"
#include "agent/jobs/queries/upload_streams.h"
#include "agent/jobs/quorum_gate.h"
#include "agent/jobs/reconcile/cluster_watch.h"
#include "agent/jobs/reconcile/observer.h"
#include "agent/jobs/reconcile/reboot.h"
#include "agent/jobs/reconcile/rebuild.h"
#include "agent/jobs/reconcile/reconciler.h"
#include "agent/jobs/singletons/singleton_watch.h"
#include "agent/jobs/supervisor.h"
#include "agent/jobs/verbs/verbs.h"
#include "agent/system/loop.h"

namespace drover::daemon {

class Agent {
 public:
  /// Makes the node's folders, takes its lock, opens the journal, takes up what an earlier agent
  /// left and starts the front. `config`, `loop` and `clock` outlive it. `conflict` when an agent
  /// runs here already.
  static Result<std::unique_ptr<Agent>> start(const Config& config, system::Loop& loop,
                                              system::Clock& clock);
  ~Agent();
  /// Why it has quit the loop by itself; none when somebody else did.
  const std::optional<Error>& failure() const { return failure_; }
  /// Reads the node's keys and those it allows anew.
  void reload_keys();
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

 private:
  Agent(const Config& config, system::Loop& loop, system::Clock& clock)
      : config_(config), loop_(loop), clock_(clock) {}

  Result<> prepare_folders();
  Result<> take_lock();
  void assemble();
  void assemble_streams();
  void watch_cluster(proxmox::Ha& ha);
  jobs::Supervisor::Deeds deeds();
  Result<> open_journal();
  Result<> rebuild(const std::string& boot_id);
  /// All that was written since the last one, now, and whether it is on the disk.
  Result<> commit();
  Result<> start_keys();
  Result<> start_front();
  void end_turn();
  void publish(const std::vector<Event>& events);
  void react(const Event& event);
  void beacon();
  void reconcile();
  void pat_watchdog();

  const Config& config_;
  system::Loop& loop_;
  system::Clock& clock_;
  runtimes::Layout layout_;
  system::UniqueFd lock_;
  std::unique_ptr<Drivers> drivers_;
  std::unique_ptr<jobs::Journal> journal_;
  jobs::LostJournal lost_;  // the one before it
  std::unique_ptr<jobs::RecordKeeper> records_;
  std::unique_ptr<jobs::Books> books_;
  std::unique_ptr<jobs::ClusterWatch> cluster_;  // these two only on a node of Proxmox
  std::unique_ptr<jobs::QuorumGate> quorum_;
  std::unique_ptr<jobs::Supervisor> supervisor_;
  std::unique_ptr<jobs::Observer> observer_;
  std::unique_ptr<jobs::DiskWatch> disk_;
  std::unique_ptr<jobs::Intake> intake_;
  std::unique_ptr<jobs::Keeper> keeper_;
  std::unique_ptr<jobs::Reboot> reboot_;
  std::unique_ptr<jobs::Reconciler> reconciler_;
  std::unique_ptr<jobs::SingletonWatch> singletons_;  // only on a node with etcd
  std::unique_ptr<jobs::Prober> prober_;
  std::unique_ptr<jobs::LogTurner> log_turner_;
  std::unique_ptr<jobs::Queries> queries_;
  std::unique_ptr<jobs::LogStreams> streams_;
  std::unique_ptr<jobs::InputStreams> inputs_;
  std::unique_ptr<jobs::UploadStreams> uploads_;
  std::unique_ptr<jobs::PortStreams> ports_;
  std::unique_ptr<jobs::Answerers> answerers_;
  std::unique_ptr<jobs::Requests> requests_;
  std::unique_ptr<jobs::NodeReport> report_;
  std::unique_ptr<DispatchLinks> dispatchers_;
  std::unique_ptr<jobs::Housekeeping> housekeeping_;
  std::unique_ptr<TcpKeys> keys_;  // only of a node that is served over tcp or has dispatchers
  std::unique_ptr<FrontProcess> front_;
  std::unique_ptr<ExitWatch> exits_;
  std::unique_ptr<StartCheck> check_;
  bool announced_ = false;  // READY=1 was said
  std::optional<Error> failure_;
};

}  // namespace drover::daemon
