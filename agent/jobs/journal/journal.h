// Journal: what was accepted, what was done of it, and what was told about it.
//
// Everything written since the last commit becomes durable together: the loop commits once a turn,
// so all jobs that came in one turn share one fsync, and events are in the same transaction as the
// state they tell. Belongs to the loop's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/core/container_status.h"
#include "agent/core/event.h"
#include "agent/core/event_filter.h"
#include "agent/core/job.h"
#include "agent/jobs/journal/database.h"
#include "agent/system/clock.h"

namespace drover::jobs {

struct JobRow {
  std::string id;
  std::string verb;
  std::string target;
  std::string
      request;  ///< JSON, as drover::to_json writes it; the same id with another is a conflict
  JobState state = JobState::queued;
  std::string result = "null";  ///< JSON: what the job gave, or its error
  std::int64_t created_at = 0;  ///< unix ms
  std::int64_t ended_at = 0;    ///< 0 while it is not final
  std::int64_t attempt = 0;     ///< how often it was begun
  std::int64_t not_before = 0;  ///< unix ms; 0 unless it waits to be tried again
  std::string ending{};         ///< "cancelled by job ID" once that was asked for
  std::string error = "null";   ///< JSON: why it is being undone; null while it is not
  std::string made_by{};        ///< "" for a client's; own_job.h names the others
  std::string sender{};         ///< the client's key (AllowedKey::name) or "local"; "" for ours
  std::string via{};            ///< the key of the dispatcher it came by; "" for none
};

/// Some events, oldest first, and up to which number there is no other that was asked for.
struct FoundEvents {
  std::vector<Event> events;
  std::uint64_t through = 0;
};

enum class StepState { intent, done, undone };
std::string_view to_string(StepState state);

struct StepRow {
  std::string job;
  std::int64_t number = 0;  ///< 1 is first
  std::string name;         ///< "volume.allocate", ...
  std::string subject;      ///< which one: a volume's name, an interface
  StepState state = StepState::intent;
  std::string data = "null";  ///< JSON: what the step made, as its undo needs it
};

/// What whoever spoke last wants the container to be. Jobs write it, and it outlives them.
enum class Wanted { running, stopped, gone };
std::string_view to_string(Wanted wanted);
/// `running` for what is none of them.
Wanted wanted_from(std::string_view name);

struct ContainerRow {
  std::string name;
  std::string runtime;
  std::string job;        ///< that made it
  std::string container;  ///< JSON of the provisioned container
  Status status = Status::creating;
  std::optional<Exit> exit;
  std::int64_t created_at = 0;
  Wanted wanted = Wanted::running;
  std::string restarts = "null";  ///< JSON: how it is kept running (keeping.h)
};

/// A name of an unpacked image.
struct ImageRow {
  std::string name;         ///< its reference, as jobs give it
  std::string digest;       ///< "sha256:..." of the manifest; several names may have the same
  std::uint64_t bytes = 0;  ///< that its root takes on the disk
  std::int64_t since = 0;   ///< unix ms
  std::string job;          ///< that named it
};

/// A volume that outlives containers.
struct VolumeRow {
  std::string name{};
  std::string storage{};
  std::uint64_t size_mib = 0;   ///< 0 for a folder, which has none
  std::string volume = "null";  ///< JSON of the runtimes::Volume; null until it is made
  std::string origin{};         ///< the volume it was copied from; "" for none
  std::string job{};            ///< that made it: it is in the volume's name on its storage
  std::string busy{};           ///< the job that works on it; "" for none
  std::int64_t created_at = 0;  ///< unix ms
};

/// A container that is no more, as long as its log is kept.
struct DeletedRow {
  std::string job;  ///< that made it
  std::string name;
  std::string view;        ///< JSON: as queries show it
  std::int64_t at = 0;     ///< unix ms: when it was deleted
  std::int64_t bytes = 0;  ///< of its log
};

/// A thing on the node that no other row knows (inventory.h).
struct LeakRow {
  std::string kind;
  std::string place;
  std::string name;
  std::string container;
  std::string job;
  std::int64_t seen_at = 0;     ///< unix ms, for the first time
  std::int64_t collect_at = 0;  ///< unix ms; 0 while it is not to be taken away
  std::int64_t tries = 0;       ///< to take it away that failed
  bool ordered = false;         ///< somebody has asked for its removal
  std::string message{};        ///< why it is there still
};

/// "KIND:PLACE:NAME", which no two have in common.
std::string id_of(const LeakRow& row);

/// A bridge of the node's own, or a vnet of the cluster's SDN.
struct NetworkRow {
  std::string name{};     ///< the bridge's
  std::string address{};  ///< its own, CIDR; "" for none
  bool vlan_aware = false;
  bool by_proxmox = false;      ///< made in its configuration of the node or the cluster
  std::string job{};            ///< that made it
  std::string busy{};           ///< the job that makes or removes it; "" for none
  std::int64_t created_at = 0;  ///< unix ms
  std::string zone{};           ///< of a vnet; "" for a bridge
  std::int64_t tag = 0;         ///< of a vnet: VLAN or VNI; 0 for none
  bool snat = false;            ///< of a vnet
  /// Of a vnet: somebody else gives out its addresses, or nobody.
  bool addresses_elsewhere = false;
};

class Journal {
 public:
  /// Opens or makes the file. A journal of a newer version is refused and left as it is.
  static Result<std::unique_ptr<Journal>> open(const system::Path& path, system::Clock& clock);

  /// Changes only when the file was made anew.
  const std::string& epoch() const { return epoch_; }
  /// seq of the newest event, also of one not yet committed.
  std::uint64_t head() const { return counts_.head; }

  /// Unix ms, by the clock of its events.
  std::int64_t now() const { return clock_.unix_ms(); }

  /// A fact about the node that outlives the agent; "" when nobody has set it.
  Result<std::string> fact(const std::string& name);
  Result<> set_fact(const std::string& name, const std::string& value);

  Result<> add_job(const JobRow& row);
  Result<> set_job(const std::string& id, JobState state, const std::string& result,
                   std::int64_t ended_at);
  /// It runs now, for the `attempt`th time; `not_found` when it has ended.
  Result<> begin_job(const std::string& id, std::int64_t attempt = 1);
  /// It waits to be tried again.
  Result<> retry_job(const std::string& id, std::int64_t not_before);
  /// Somebody wants it to end: a job that the agent's end interrupts now is not gone on with.
  Result<> ask_to_end(const std::string& id, std::string_view why);
  /// It has failed with `error`, and what it made is taken back from here on.
  Result<> begin_undo(const std::string& id, const std::string& error);
  Result<std::optional<JobRow>> job(const std::string& id);
  /// Newest first.
  Result<std::vector<JobRow>> jobs(std::int64_t most);
  /// Those that have not ended, oldest first.
  Result<std::vector<JobRow>> unfinished();
  /// Whether one of those is about the container.
  Result<bool> has_unfinished(const std::string& container);
  /// How many of those `sender` (JobRow::sender) has sent.
  Result<std::int64_t> count_unfinished(const std::string& sender);
  /// The newest container.delete of `container` that came after job `after`, was begun and not
  /// cancelled.
  Result<std::optional<JobRow>> last_deletion(const std::string& container,
                                              const std::string& after);
  /// Those that have ended at `unix_ms` or later.
  Result<std::vector<JobRow>> ended_since(std::int64_t unix_ms);

  /// Strikes off at most `most` jobs, with their steps, that ended before `before` (unix ms) and
  /// whose ids are not dated later. Those whose container exists stay: their steps are how it is
  /// taken away. Returns how many it was.
  Result<std::int64_t> forget_jobs(std::int64_t before, std::int64_t most);

  Result<> put_step(const StepRow& row);
  /// In order.
  Result<std::vector<StepRow>> steps(const std::string& job);

  Result<> put_container(const ContainerRow& row);
  Result<> erase_container(const std::string& name);
  Result<std::optional<ContainerRow>> container(const std::string& name);
  /// By name; those behind `after` only.
  Result<std::vector<ContainerRow>> containers(const std::string& after = "");
  /// Those that were put or erased since the last call, or since the last commit that failed.
  std::set<std::string> take_touched() { return std::exchange(touched_, {}); }

  Result<> put_deleted(const DeletedRow& row);
  /// The one of this name that was deleted last.
  Result<std::optional<DeletedRow>> deleted(const std::string& name);
  /// The one that this job made.
  Result<std::optional<DeletedRow>> deleted_of(const std::string& job);
  /// Of the `most` that were deleted first strikes off those of before `before` (unix ms), and
  /// those beyond the newest `keep`, or beyond `bytes` of logs together. Returns their jobs.
  Result<std::vector<std::string>> forget_deleted(std::int64_t before, std::int64_t keep,
                                                  std::int64_t bytes, std::int64_t most);

  Result<> put_image(const ImageRow& row);
  Result<> erase_image(const std::string& name);
  Result<std::optional<ImageRow>> image(const std::string& name);
  /// By name; those behind `after` only.
  Result<std::vector<ImageRow>> images(const std::string& after = "");

  Result<> put_volume(const VolumeRow& row);
  Result<> erase_volume(const std::string& name);
  Result<std::optional<VolumeRow>> volume(const std::string& name);
  /// By name; those behind `after` only.
  Result<std::vector<VolumeRow>> volumes(const std::string& after = "");

  Result<> put_network(const NetworkRow& row);
  Result<> erase_network(const std::string& name);
  Result<std::optional<NetworkRow>> network(const std::string& name);
  /// By name; those behind `after` only.
  Result<std::vector<NetworkRow>> networks(const std::string& after = "");

  /// Numbers the event and keeps it. Only kind, object, what, job and data are read from `event`.
  Result<Event> add_event(Event event);
  /// Events with seq above `after`, oldest first.
  Result<std::vector<Event>> events(std::uint64_t after, std::int64_t most);
  /// Those of them that the filter takes. It looks at so many that the loop bears it.
  Result<FoundEvents> find_events(std::uint64_t after, std::int64_t most,
                                  const EventFilter& filter);
  /// How many events of each kind there have been, by kind; also of those not yet committed.
  json::Object kind_counts() const;

  /// seq of the oldest event there is, or of the next one.
  Result<std::uint64_t> oldest_event();
  /// Takes into account how large at most `most` events are that were not yet, the oldest first.
  /// Returns how many it was. Whoever writes events need not count their bytes then.
  Result<std::int64_t> measure_events(std::int64_t most);
  /// Of the `most` oldest events strikes off those of before `before` (unix ms), those beyond
  /// the newest `keep`, and those beyond the newest that take `bytes` together, as far as they were
  /// measured. Returns how many it was.
  Result<std::int64_t> forget_events(std::int64_t before, std::int64_t keep, std::int64_t bytes,
                                     std::int64_t most);
  /// Strikes off at most `most` counters of objects all of whose events are forgotten, but for
  /// those of what there still is: such a one may be quiet for long, and has no gap after it.
  /// Whatever is counted anew goes on above all that was forgotten, so that
  /// nobody sees an oseq twice. Returns how many it was.
  Result<std::int64_t> forget_counters(std::int64_t most);
  /// Gives at most `pages` unused pages of the file back to the file system, but for some that are
  /// soon used again. False when there is nothing to give.
  Result<bool> give_back(std::int64_t pages);

  /// By id; those behind `after` only.
  Result<std::vector<LeakRow>> leaks(const std::string& after = "");
  Result<> put_leak(const LeakRow& row);
  Result<> erase_leak(const LeakRow& row);

  /// All that was written since the last one outlives this process, or none of it does.
  Result<> commit();
  /// What was committed is on the disk.
  Result<> sync();
  /// Something is committed that is not.
  bool unsynced() const { return unsynced_; }
  /// Rows that were changed since the file was opened.
  std::int64_t changes() const { return database_->changes(); }
  bool dirty() const { return database_->in_transaction(); }
  /// Why the file can no longer be trusted, "" while it can (database.h).
  const std::string& damage() const { return database_->damage(); }

 private:
  Journal(std::unique_ptr<Database> database, system::Clock& clock)
      : database_(std::move(database)), clock_(clock) {}
  Result<> prepare_file();
  Result<Event> event_of(Statement& row) const;
  Result<> read_counts();
  Result<> write_counts();
  Result<std::uint64_t> next_count(const std::string& object, std::uint64_t seq);

  std::unique_ptr<Database> database_;
  system::Clock& clock_;
  std::string epoch_;
  /// Of events, all and those of each kind, which each transaction writes once, at its end.
  struct Counts {
    std::uint64_t head = 0;
    std::map<std::string, std::uint64_t, std::less<>> kinds;
    std::uint64_t forgotten = 0;  // the highest number of all counters of objects that were
  };
  Counts counts_;
  Counts committed_;  // as the last commit left them in the file
  /// As this process has asked for or set them: nobody else writes the file.
  std::map<std::string, std::string, std::less<>> facts_;
  std::int64_t event_bytes_ = 0;  // of the events up to number measured_
  std::uint64_t measured_ = 0;
  bool unsynced_ = false;
  std::set<std::string> touched_;
};

}  // namespace drover::jobs
