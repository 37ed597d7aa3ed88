#include "agent/daemon/agent.h"

#include <malloc.h>
#include <sys/epoll.h>

#include <chrono>
#include <utility>

#include "agent/jobs/journal/journal_rescue.h"
#include "agent/jobs/node_turns.h"
#include "agent/jobs/verbs/own_networks.h"
#include "agent/jobs/verbs/verbs.h"
#include "agent/system/boot_id.h"
#include "agent/system/lock_file.h"
#include "agent/system/log.h"
#include "agent/system/notify.h"
#include "runtimes/secret_files.h"

namespace drover::daemon {
namespace {

constexpr std::chrono::seconds kBeaconEvery{1};
/// Until events are told that nothing has to be on the disk for: a job's steps of that time take
/// one sync together.
constexpr std::chrono::milliseconds kSettlesAfter{20};

std::size_t bytes_of(std::int64_t mib) {
  return static_cast<std::size_t>(mib) << 20;
}

/// A container that ended before its start was journalled: its exit was there before anybody asked.
/// Asking the runtime of each would cost about half of a start.
bool may_have_ended(const Event& running, const runtimes::Layout& layout) {
  std::error_code error;
  return json::Value(running.data).at("runtime").string_or("") == to_string(RuntimeKind::pve_lxc) ||
         std::filesystem::exists(layout.exits() / running.object, error);
}

}  // namespace

Result<std::unique_ptr<Agent>> Agent::start(const Config& config, system::Loop& loop,
                                            system::Clock& clock) {
  std::unique_ptr<Agent> agent(new Agent(config, loop, clock));
  agent->layout_.state = config.runtime.state_folder;
  agent->layout_.run = config.runtime.run_folder;
  TRY(agent->prepare_folders());
  TRY(agent->take_lock());
  TRY(runtimes::forget_laid_out_secrets(agent->layout_));
  agent->drivers_ = TRY(Drivers::make(config, clock));
  TRY(agent->open_journal());
  agent->assemble();
  const std::string boot = TRY(system::boot_id());
  TRY(agent->rebuild(boot));
  TRY(agent->records_->start(boot));
  agent->exits_ = TRY(ExitWatch::start(
      loop, agent->layout_.exits(),
      [observer = agent->observer_.get()](const std::string& name) { observer->look_at(name); }));
  TRY(agent->disk_->start());
  if (agent->cluster_) {
    TRY(agent->cluster_->start());
  } else {
    TRY(jobs::forget_cluster(*agent->books_, agent->drivers_->node().name));
  }
  TRY(agent->start_keys());
  TRY(agent->start_front());
  jobs::restore_networks(*agent->journal_, agent->drivers_->node());
  for (const auto& [kind, runtime] : agent->drivers_->node().runtimes) {
    runtime->end_left_execs();
  }
  jobs::end_unwanted_execs(agent->drivers_->node(), *agent->journal_);
  TRY(agent->reboot_->note(boot).context("see to what a reboot has ended"));
  TRY(agent->intake_->resume());
  TRY(agent->reboot_->start_again().context("start containers after a reboot"));
  TRY(agent->commit().context("write down what a reboot has ended"));
  TRY(agent->keeper_->take_up());
  TRY(agent->prober_->take_up());
  TRY(agent->log_turner_->take_up());
  if (agent->singletons_) {
    agent->singletons_->start();
  }
  agent->books_->commit();
  agent->reconcile();
  agent->beacon();
  agent->pat_watchdog();
  agent->housekeeping_->start();
  if (config.proxmox.enabled) {
    agent->check_ = std::make_unique<StartCheck>(config, clock);
  }
  return agent;
}

Agent::~Agent() {
  if (books_) {
    // Whoever waits for the loop waits in vain from here on.
    books_->close();
    loop_.unwatch(books_->fd());
  }
  loop_.at_turn_end([] {});
  if (journal_ && !journal_->damage().empty()) {
    if (const Result<> left = jobs::suspect(layout_.journal(), journal_->damage()); !left) {
      system::log_error("leave word of the damaged journal: {}", left.error().message);
    }
  }
}

Result<> Agent::open_journal() {
  jobs::OpenedJournal opened = TRY(jobs::open_or_set_aside(layout_.journal(), clock_));
  journal_ = std::move(opened.journal);
  lost_ = {opened.set_aside, opened.why, {}};
  if (!lost_.why.empty()) {
    system::log_error("the journal is damaged ({}){}{}", lost_.why,
                      lost_.file.empty() ? "" : "; it is kept as ", lost_.file.native());
  }
  records_ = std::make_unique<jobs::RecordKeeper>(*journal_, layout_);
  return {};
}

Result<> Agent::rebuild(const std::string& boot_id) {
  const system::Stop never;
  lost_.boot_id = boot_id;
  TRY(jobs::rebuild_containers(*books_, drivers_->node(), clock_, lost_, never));
  return commit().context("rebuild the journal");
}

Result<> Agent::commit() {
  Result<> written;
  books_->after_commit([&](const Result<>& committed) { written = committed; });
  books_->commit();
  return written;
}

Result<> Agent::prepare_folders() {
  // The front has to pass through the run folder to its own; nobody else finds anything to read.
  TRY(system::make_folders(layout_.run, 0711));
  TRY(system::make_folders(layout_.pids(), 0700));
  TRY(system::make_folders(layout_.state, 0700));
  for (const system::Path& folder :
       {layout_.containers(), layout_.exits(), layout_.records(), layout_.kept_logs(),
        layout_.images(), layout_.local_volumes(), layout_.lxc(), layout_.cni()}) {
    TRY(system::make_folders(folder, 0700));
  }
  return {};
}

Result<> Agent::take_lock() {
  Result<system::UniqueFd> lock = system::lock_file(layout_.lock());
  if (!lock && lock.error().code == Code::conflict) {
    return Failure(Error(lock.error())
                       .context(fmt::format("another droverd runs with {}", layout_.run.native())));
  }
  lock_ = TRY(std::move(lock));
  return {};
}

void Agent::assemble() {
  const jobs::Node& node = drivers_->node();
  books_ = std::make_unique<jobs::Books>(
      *journal_, [this](const std::vector<Event>& events) { publish(events); });
  loop_.watch(books_->fd(), EPOLLIN, [this](std::uint32_t) { books_->serve(); });
  books_->on_containers([this](const std::set<std::string>& names) { records_->changed(names); });
  books_->on_unsettled([this] { loop_.after(kSettlesAfter, [this] { books_->settle(); }); });
  loop_.at_turn_end([this] { end_turn(); });
  observer_ = std::make_unique<jobs::Observer>(
      node, *books_, [this](const std::string& name, const std::optional<runtimes::State>& state) {
        return reboot_->note_observed(name, state);
      });
  if (proxmox::Ha* ha = drivers_->ha()) {
    watch_cluster(*ha);
  }
  supervisor_ = std::make_unique<jobs::Supervisor>(
      loop_, *books_, clock_, static_cast<std::size_t>(config_.runtime.workers), deeds());
  disk_ = std::make_unique<jobs::DiskWatch>(
      loop_, *books_, clock_,
      jobs::DiskWatch::Options{node.name, layout_.state, bytes_of(config_.journal.reserve_mib)});
  intake_ = std::make_unique<jobs::Intake>(
      *books_, *supervisor_, node, clock_, *disk_,
      jobs::Intake::Queue{static_cast<std::size_t>(config_.bus.queue),
                          bytes_of(config_.bus.queue_mib)});
  keeper_ = std::make_unique<jobs::Keeper>(loop_, *books_, *intake_, clock_);
  reboot_ = std::make_unique<jobs::Reboot>(*books_, *intake_, node, clock_);
  reconciler_ = std::make_unique<jobs::Reconciler>(
      node, *books_, *supervisor_, *intake_, clock_,
      [this] { return cluster_ != nullptr && cluster_->lacks_quorum(); });
  intake_->at_collect([this] { reconciler_->look(); });
  if (jobs::Singletons* const singletons = drivers_->singletons()) {
    singletons_ =
        std::make_unique<jobs::SingletonWatch>(loop_, *books_, *intake_, clock_, *singletons);
  }
  prober_ = std::make_unique<jobs::Prober>(loop_, *books_, *intake_, clock_, node);
  log_turner_ = std::make_unique<jobs::LogTurner>(loop_, *books_, node);
  queries_ = std::make_unique<jobs::Queries>(*journal_, *supervisor_, node, *disk_, prober_.get(),
                                             cluster_.get());
  housekeeping_ = std::make_unique<jobs::Housekeeping>(loop_, *books_, clock_, config_, layout_);
  assemble_streams();
  report_ = std::make_unique<jobs::NodeReport>(*journal_, node, cluster_.get());
  dispatchers_ = std::make_unique<DispatchLinks>(
      *books_, *report_, config_.dispatch.servers.size(),
      [this](const messaging::Record& record) { front_->send(record); });
}

void Agent::watch_cluster(proxmox::Ha& ha) {
  const jobs::Node& node = drivers_->node();
  cluster_ = std::make_unique<jobs::ClusterWatch>(
      loop_, *books_, clock_, ha, jobs::ClusterWatch::Options{node.name, drivers_->proxmox_node()});
  cluster_->at_change([this] { supervisor_->look_again(); });
  quorum_ = std::make_unique<jobs::QuorumGate>(*cluster_, *books_, node);
}

jobs::Supervisor::Deeds Agent::deeds() {
  const jobs::Node& node = drivers_->node();
  jobs::Supervisor::Deeds deeds{
      [&node](jobs::Work& work) { return jobs::do_job(work, node); },
      [&node](jobs::Work& work, const Error& error) { return jobs::undo_job(work, node, error); }};
  deeds.has_alone = jobs::sole_use_of;
  if (quorum_) {
    deeds.awaits = [this](const JobRequest& request) { return quorum_->awaits(request); };
    deeds.excuses = [this](const JobRequest& request, const system::Stop& stop) {
      return quorum_->excuses(request, stop);
    };
  }
  return deeds;
}

Result<> Agent::start_keys() {
  if (!config_.bus.tcp.address.empty() || !config_.dispatch.servers.empty()) {
    keys_ = TRY(TcpKeys::start(
        loop_, config_.bus, drivers_->node().name, *books_,
        [this](const messaging::Record& record) {
          if (front_) {
            front_->send_surely(record);
          }
        },
        config_.dispatch.servers));
    requests_->take_keys_from(
        [this](std::string_view name) { return keys_->allowed().find(name); });
  }
  return {};
}

void Agent::reload_keys() {
  if (keys_) {
    keys_->reload();
  }
}

Result<> Agent::start_front() {
  const path program = config_.bus.front_program.empty() ? path(DROVER_LIBEXEC_DIR) / "drover-front"
                                                         : config_.bus.front_program;
  front_ = std::make_unique<FrontProcess>(
      loop_,
      FrontProcess::Options{program,
                            config_.bus.folder.empty() ? layout_.bus() : config_.bus.folder,
                            config_.bus.front_user},
      FrontProcess::Handlers{[this](const messaging::Record& record) {
                               if (!dispatchers_->handle(record) &&
                                   (!keys_ || !keys_->take_denial(record))) {
                                 requests_->handle(record);
                               }
                             },
                             [this] {
                               if (!std::exchange(announced_, true)) {
                                 system::notify_ready();
                                 system::log_info("node {} is ready", drivers_->node().name);
                               }
                             },
                             [this] {
                               if (keys_) {
                                 keys_->send();
                               }
                             },
                             [this] {
                               dispatchers_->forget();
                               streams_->close_all();
                               inputs_->close_all();
                               uploads_->close_all();
                               ports_->close_all();
                             }});
  return front_->start().context("start drover-front");
}

void Agent::publish(const std::vector<Event>& events) {
  const std::string& node = drivers_->node().name;
  for (const Event& event : events) {
    if (front_) {
      front_->send(messaging::Record{{{"kind", "event"}, {"topic", topic_of(event, node)}},
                                     json::write(to_cloud_event(event, node)),
                                     {}});
    }
    react(event);
  }
}

void Agent::end_turn() {
  books_->commit();
  if (front_) {
    front_->flush();
  }
  if (!journal_->damage().empty() && !failure_) {
    // To go on would be to tell what is not written. The next start sets the file aside.
    failure_ = Error{Code::broken,
                     fmt::format("the journal {} is damaged: {}; droverd ends, containers run on, "
                                 "and the next start makes a new journal of what there is",
                                 layout_.journal().native(), journal_->damage()),
                     {}};
    loop_.quit();
  }
}

void Agent::react(const Event& event) {
  records_->hear(event);
  keeper_->hear(event);
  prober_->hear(event);
  log_turner_->hear(event);
  if (event.kind == "container") {
    if (event.what == "running" && may_have_ended(event, layout_)) {
      observer_->look_at(event.object);
    } else if (event.what == "stopped" || event.what == "gone") {
      streams_->ended("container", event.object);
      inputs_->ended("container", event.object);
      ports_->ended(event.object);
    }
    system::log_info("container {} is {}", event.object, event.what);
    return;
  }
  if (event.kind == "resource") {
    const json::Value data(event.data);
    const std::string_view why = data.at("message").string_or("");
    system::log_warning("{} {} is {}{}{}", data.at("kind").string_or(""),
                        data.at("name").string_or(""), event.what, why.empty() ? "" : ": ", why);
    return;
  }
  if (event.kind != "job") {
    return;
  }
  if (const auto state = job_state_from(event.what); state && is_final(*state)) {
    streams_->ended("job", event.object);
    inputs_->ended("job", event.object);
    if (*state == JobState::succeeded) {
      system::log_info("job {} has succeeded", event.object);
    } else {
      system::log_warning("job {} has {}: {}", event.object, event.what,
                          json::Value(event.data).at("error").at("message").string_or(""));
    }
  }
}

void Agent::beacon() {
  books_->settle();
  const std::string& node = drivers_->node().name;
  json::Object body{{"node", node},
                    {"epoch", journal_->epoch()},
                    {"seq", journal_->head()},
                    {"kinds", journal_->kind_counts()}};
  front_->send(
      messaging::Record{{{"kind", "event"}, {"topic", node + ".beacon."}}, json::write(body), {}});
  dispatchers_->beat();
  loop_.after(kBeaconEvery, [this] { beacon(); });
}

void Agent::reconcile() {
  observer_->look_at_all();
  reconciler_->look();
  // The allocator keeps what a busy hour's jobs have freed, scattered over its arenas.
  malloc_trim(0);
  loop_.after(std::chrono::seconds(config_.reconcile.every_s), [this] { reconcile(); });
}

void Agent::pat_watchdog() {
  if (const auto interval = system::watchdog_interval()) {
    system::notify_watchdog();
    loop_.after(*interval, [this] { pat_watchdog(); });
  }
}

}  // namespace drover::daemon
