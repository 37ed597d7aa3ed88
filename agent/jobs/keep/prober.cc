#include "agent/jobs/keep/prober.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "agent/jobs/journal/keeping.h"
#include "agent/jobs/own_job.h"
#include "agent/system/log.h"

namespace drover::jobs {
namespace {

/// Threads that ask: a node's probes are short, and those that hang wait for nothing but a timeout.
constexpr std::size_t kAskers = 4;

std::string mode_asked_for(const JobRow& job) {
  const Result<json::Value> request = json::parse(job.request);
  return request ? std::string(request->at("options").at("mode").string_or("")) : "";
}

}  // namespace

Prober::Prober(system::Loop& loop, Books& books, Intake& intake, system::Clock& clock,
               const Node& node)
    : loop_(loop),
      books_(books),
      intake_(intake),
      clock_(clock),
      node_(node),
      askers_(loop, kAskers) {}

Prober::~Prober() {
  for (auto& [name, probed] : probed_) {
    rest(probed);
  }
}

bool Prober::holds_still(const JobRow& job) const {
  if (job.verb == to_string(Verb::container_backup)) {
    // Proxmox takes "suspend" where a storage keeps no snapshots, and says so after a while.
    const auto told = backup_modes_.find(job.id);
    return told != backup_modes_.end() ? told->second == "suspend" : mode_asked_for(job) != "stop";
  }
  return job.verb == to_string(Verb::container_snapshot) ||
         job.verb == to_string(Verb::container_checkpoint);
}

bool Prober::is_held_still(const std::string& name) const {
  const Result<std::vector<JobRow>> jobs = books_.journal().unfinished();
  return jobs && std::any_of(jobs->begin(), jobs->end(), [&](const JobRow& job) {
           return job.target == name && job.state == JobState::running && holds_still(job);
         });
}

Result<> Prober::take_up() {
  const std::vector<ContainerRow> rows = TRY(books_.journal().containers());
  for (const ContainerRow& row : rows) {
    if (row.status == Status::running) {
      begin(row, clock_.unix_ms());
    }
  }
  return {};
}

void Prober::hear(const Event& event) {
  std::string name = event.object;
  if (event.kind == "job") {
    const json::Value* const mode = event.data.find("mode");
    if (event.what == "progress" && mode != nullptr) {
      backup_modes_.insert_or_assign(event.object, mode->string_or(""));
    }
    const std::optional<JobState> state = job_state_from(event.what);
    if (!state || !is_final(*state)) {
      return;
    }
    backup_modes_.erase(event.object);
    // It may run on: when the job that was to end it has failed.
    const auto found = stopping_.find(event.object);
    if (found == stopping_.end()) {
      return;
    }
    name = found->second;
    stopping_.erase(found);
  } else if (event.kind == "network") {
    // Another lease: it is asked at another address from here on.
    const json::Value* const container = event.data.find("container");
    if (event.what != "restored" || container == nullptr || !event.data.find("address")) {
      return;
    }
    name = container->string_or("");
  } else if (event.kind != "container") {
    return;
  } else if (event.what == "gone") {
    rest(name);
    probed_.erase(name);
    return;
  } else if (event.what != to_string(Status::running)) {
    if (status_from(event.what)) {
      rest(name);
    }
    return;
  }
  begin(name, event.at_unix_ms);
}

void Prober::begin(const std::string& name, std::int64_t now) {
  const Result<std::optional<ContainerRow>> row = books_.journal().container(name);
  if (row && *row && (*row)->status == Status::running) {
    begin(**row, now);
  }
}

void Prober::begin(const ContainerRow& row, std::int64_t now) {
  if (const Result<> begun = try_to_begin(row, now); !begun) {
    system::log_warning("probe container {}: {}", row.name, begun.error().message);
  }
}

Result<> Prober::try_to_begin(const ContainerRow& row, std::int64_t now) {
  rest(row.name);
  ContainerRecord record = TRY(container_record_from(row.container));
  if (record.container.spec.probes.empty()) {
    return {};
  }
  runtimes::Runtime* runtime = TRY(node_.runtime(record.container.runtime));
  const Keeping keeping = TRY(keeping_of(row));
  Probed probed{std::make_shared<const ContainerRecord>(std::move(record)), runtime,
                keeping.started_at != 0 ? keeping.started_at : now};
  for (const ProbeSpec& spec : probed.record->container.spec.probes) {
    probed.probes.push_back({.spec = spec});
  }
  probed_.insert_or_assign(row.name, std::move(probed));
  const std::vector<ProbeSpec>& specs = probed_.at(row.name).record->container.spec.probes;
  for (std::size_t i = 0; i < specs.size(); ++i) {
    schedule(row.name, i, specs[i].interval);
  }
  return {};
}

void Prober::rest(const std::string& name) {
  if (const auto found = probed_.find(name); found != probed_.end()) {
    rest(found->second);
  }
}

void Prober::rest(Probed& probed) {
  for (Probe& probe : probed.probes) {
    if (probe.due != 0) {
      loop_.cancel(std::exchange(probe.due, 0));
    }
    if (probe.asked != 0) {
      askers_.withdraw(std::exchange(probe.asked, 0));
    }
  }
}

void Prober::schedule(const std::string& name, std::size_t number, system::Duration delay) {
  probed_.at(name).probes.at(number).due =
      loop_.after(delay, [this, name, number] { ask(name, number); });
}

void Prober::ask(const std::string& name, std::size_t number) {
  const Probed& probed = probed_.at(name);
  Probe& probe = probed_.at(name).probes.at(number);
  probe.due = 0;
  probe.asked = askers_.ask(
      probe.spec.timeout,
      [spec = probe.spec, record = probed.record, runtime = probed.runtime](
          const system::Stop& stop) { return ask_probe(spec, *record, *runtime, stop); },
      [this, name, number, asked_at = clock_.now(),
       held = is_held_still(name)](const Finding& finding) {
        const bool is_unasked =
            finding.what == Finding::What::failure && (held || is_held_still(name));
        take(name, number,
             is_unasked ? Finding{Finding::What::unasked, "a job holds its program still"}
                        : finding);
        Probe& asked = probed_.at(name).probes.at(number);
        // Unless the container is unhealthy by now, and asked no more.
        if (std::exchange(asked.asked, 0) != 0) {
          const system::Duration taken = clock_.now() - asked_at;
          schedule(name, number,
                   std::max<system::Duration>(asked.spec.interval - taken, system::Duration(0)));
        }
      });
}

void Prober::take(const std::string& name, std::size_t number, const Finding& finding) {
  Probed& probed = probed_.at(name);
  Probe& probe = probed.probes.at(number);
  probe.last = finding;
  probe.last_at = clock_.unix_ms();
  if (const Result<> judged = judge(name, probed, probe); !judged) {
    system::log_warning("note what probe {} says of container {}: {}", probe.spec.name, name,
                        judged.error().message);
  }
}

Result<> Prober::judge(const std::string& name, Probed& probed, Probe& probe) {
  if (probe.last.what == Finding::What::unasked) {
    return {};
  }
  if (probe.last.what == Finding::What::success) {
    probe.failures = 0;
    probe.succeeded = true;
    const bool all = std::all_of(probed.probes.begin(), probed.probes.end(),
                                 [](const Probe& each) { return each.succeeded; });
    return all ? become_healthy(name) : Result<>();
  }
  const system::Duration age = std::chrono::milliseconds(clock_.unix_ms() - probed.started_at);
  if (!probe.succeeded && age < probe.spec.start_period) {
    return {};
  }
  return ++probe.failures >= probe.spec.failures ? become_unhealthy(name, probe) : Result<>();
}

Result<> Prober::become_healthy(const std::string& name) {
  std::optional<ContainerRow> row = TRY(books_.journal().container(name));
  if (!row || row->status != Status::running) {
    return {};
  }
  Keeping keeping = TRY(keeping_of(*row));
  if (keeping.health == Health::healthy) {
    return {};
  }
  keeping.health = Health::healthy;
  keeping.well_since = clock_.unix_ms();
  set_keeping(*row, keeping);
  TRY(books_.journal().put_container(*row));
  return books_.tell(Event{.kind = "container",
                           .object = name,
                           .what = std::string(to_string(Health::healthy)),
                           .data = {{"runtime", row->runtime}}});
}

Result<> Prober::become_unhealthy(const std::string& name, const Probe& probe) {
  std::optional<ContainerRow> row = TRY(books_.journal().container(name));
  if (!row || row->status != Status::running) {
    return {};
  }
  const JobRequest stop = TRY(own_job(clock_, Verb::container_stop, name));
  Keeping keeping = TRY(keeping_of(*row));
  keeping.recover(clock_.unix_ms());
  keeping.well_since = 0;
  keeping.health = Health::unhealthy;
  set_keeping(*row, keeping);
  TRY(books_.journal().put_container(*row));
  TRY(books_.tell(Event{.kind = "container",
                        .object = name,
                        .what = std::string(to_string(Health::unhealthy)),
                        .data = {{"runtime", row->runtime},
                                 {"probe", probe.spec.name},
                                 {"failures", probe.failures},
                                 {"message", probe.last.message}}}));
  TRY(intake_.submit_own(stop, std::string(kByProbe) + probe.spec.name));
  stopping_.emplace(stop.id.str(), name);
  rest(name);
  books_.after_commit([this, name, job = stop.id.str()](const Result<>& committed) {
    if (!committed) {
      // As on a full disk. Nobody knows of the job, so nothing tells its end.
      stopping_.erase(job);
      begin(name, clock_.unix_ms());
    }
  });
  return {};
}

json::Array Prober::view(const std::string& name) const {
  json::Array view;
  const auto found = probed_.find(name);
  if (found == probed_.end()) {
    return view;
  }
  for (const Probe& probe : found->second.probes) {
    const bool answered = probe.last_at != 0 && probe.last.what != Finding::What::unasked;
    json::Object object{
        {"name", probe.spec.name},
        {"ok", answered ? json::Value(probe.last.what == Finding::What::success) : json::Value()},
        {"failures", probe.failures}};
    if (!probe.last.message.empty()) {
      object.set("message", probe.last.message);
    }
    if (probe.last_at != 0) {
      object.set("at", probe.last_at);
    }
    view.emplace_back(std::move(object));
  }
  return view;
}

}  // namespace drover::jobs
