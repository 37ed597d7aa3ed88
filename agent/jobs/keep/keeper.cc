#include "agent/jobs/keep/keeper.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "agent/jobs/container_record.h"
#include "agent/jobs/drain.h"
#include "agent/jobs/keep/restart_rule.h"
#include "agent/jobs/own_job.h"
#include "agent/jobs/status_change.h"
#include "agent/system/log.h"

namespace drover::jobs {
namespace {

/// When the journal could not be read or written, as on a full disk.
constexpr std::int64_t kLookAgainMs = 60'000;

bool is_kept(const RestartPolicy& policy, bool probed) {
  return policy.when != RestartPolicy::When::never || probed;
}

/// Of an event that says nothing new about whether a program runs.
bool is_silent(const std::string& what) {
  return what == "backoff" || what == "gave_up" || what == "creating" || what == "created";
}

}  // namespace

Keeper::~Keeper() {
  if (serving_ != 0) {
    loop_.cancel(serving_);
  }
  for (const auto& [name, timer] : wakings_) {
    loop_.cancel(timer);
  }
}

Result<> Keeper::take_up() {
  const std::vector<ContainerRow> rows = TRY(books_.journal().containers());
  for (const ContainerRow& row : rows) {
    // What the agent before had no time left to remember.
    if (row.status == Status::running || row.status == Status::paused) {
      const Result<Keeping> keeping = keeping_of(row);
      remember({row.name, "running", keeping ? keeping->job : "", clock_.unix_ms()});
    } else if (row.status == Status::stopped || row.status == Status::backoff) {
      remember({row.name, "stopped", "", clock_.unix_ms()});
    }
    look_at(row.name);
  }
  return {};
}

void Keeper::hear(const Event& event) {
  if (event.kind == "container" && !is_silent(event.what)) {
    heard_.push_back({event.object, event.what, event.job, event.at_unix_ms});
  } else if (event.kind == "job") {
    const std::optional<JobState> state = job_state_from(event.what);
    const json::Value* target = event.data.find("target");
    if (!state || !is_final(*state) || target == nullptr ||
        !busy_.contains(std::string(target->string_or("")))) {
      return;
    }
    heard_.push_back({std::string(target->string_or("")), "", "", 0});
  } else if (event.kind == "node" && event.what == "undrained") {
    heard_.push_back({"", "", "", 0});
  } else {
    return;
  }
  if (serving_ == 0) {
    serving_ = loop_.after(system::Duration(0), [this] { serve(); });
  }
}

void Keeper::serve() {
  serving_ = 0;
  std::set<std::string> names;
  for (const Heard& heard : std::exchange(heard_, {})) {
    if (heard.name.empty()) {
      const Result<std::vector<ContainerRow>> rows = books_.journal().containers();
      for (const ContainerRow& row : rows ? *rows : std::vector<ContainerRow>()) {
        if (row.status == Status::backoff) {
          names.insert(row.name);
        }
      }
      continue;
    }
    names.insert(heard.name);
    remember(heard);
  }
  for (const std::string& name : names) {
    look_at(name);
  }
}

Result<std::optional<Keeper::Kept>> Keeper::read(const std::string& name) {
  std::optional<ContainerRow> row = TRY(books_.journal().container(name));
  if (!row) {
    return std::optional<Kept>();
  }
  const ContainerRecord record = TRY(container_record_from(row->container));
  const ContainerSpec& spec = record.container.spec;
  Keeping keeping = TRY(keeping_of(*row));
  return std::optional<Kept>(
      Kept{std::move(*row), spec.restart, !spec.probes.empty(), std::move(keeping)});
}

Result<> Keeper::put(Kept& kept) {
  set_keeping(kept.row, kept.keeping);
  return books_.journal().put_container(kept.row);
}

void Keeper::remember(const Heard& heard) {
  if (const Result<> written = write_down(heard); !written) {
    system::log_warning("remember that container {} is {}: {}", heard.name, heard.what,
                        written.error().message);
  }
}

Result<> Keeper::write_down(const Heard& heard) {
  const bool began = heard.what == "running";
  if (!began && heard.what != "stopped") {
    return {};
  }
  std::optional<Kept> kept = TRY(read(heard.name));
  // One that was resumed, or has ended before, is no news.
  if (!kept || !is_kept(kept->policy, kept->probed) || began == (kept->keeping.started_at != 0)) {
    return {};
  }
  if (began) {
    // Without a job it was seen to run, before the policy's job has said so.
    const bool by_policy =
        !kept->keeping.job.empty() && (heard.job.empty() || heard.job == kept->keeping.job);
    kept->keeping.begin(heard.at, by_policy, kept->probed);
  } else {
    const std::int64_t ended = kept->row.exit ? kept->row.exit->at_unix_ms : 0;
    kept->keeping.end(ended != 0 ? ended : heard.at);
  }
  return put(*kept);
}

void Keeper::look_at(const std::string& name) {
  if (const Result<> considered = consider(name); !considered) {
    system::log_warning("keep container {}: {}; it is looked at again in {} s", name,
                        considered.error().message, kLookAgainMs / 1000);
    wake_at(name, clock_.unix_ms() + kLookAgainMs);
  }
  if (books_.journal().dirty()) {
    books_.after_commit([this, name](const Result<>& committed) {
      if (!committed) {
        wake_at(name, clock_.unix_ms() + kLookAgainMs);
      }
    });
  }
}

Result<> Keeper::consider(const std::string& name) {
  wake_not(name);
  busy_.erase(name);
  std::optional<Kept> kept = TRY(read(name));
  if (!kept) {
    return {};
  }
  const Status status = kept->row.status;
  if (status == Status::running || status == Status::paused) {
    return consider_running(*kept);
  }
  if (status != Status::backoff &&
      (status != Status::stopped || kept->policy.when == RestartPolicy::When::never)) {
    return {};
  }
  if (TRY(books_.journal().has_unfinished(name))) {
    busy_.insert(name);
    return {};
  }
  const bool restarted = kept->row.wanted == Wanted::running &&
                         is_restarted(kept->policy, end_of(kept->row, kept->keeping));
  if (status == Status::stopped) {
    return restarted ? consider_ended(*kept) : Result<>();
  }
  return restarted ? consider_pending(*kept)
                   : note_status(books_, name, Status::stopped, kept->row.exit, "");
}

Result<> Keeper::consider_running(Kept& kept) {
  if (kept.keeping.in_row == 0 || kept.keeping.well_since == 0) {
    return {};
  }
  kept.keeping.recover(clock_.unix_ms());
  if (kept.keeping.in_row == 0) {
    return put(kept);
  }
  wake_at(kept.row.name, kept.keeping.well_since + std::chrono::milliseconds(kWell).count());
  return {};
}

Result<> Keeper::consider_ended(Kept& kept) {
  if (kept.keeping.gave_up) {
    return {};
  }
  return is_spent(kept.policy, kept.keeping.in_row) ? give_up(kept) : back_off(kept, "");
}

Result<> Keeper::consider_pending(Kept& kept) {
  Keeping& keeping = kept.keeping;
  if (keeping.next_at == 0) {
    return start_failed(kept);
  }
  if (keeping.next_at > clock_.unix_ms()) {
    wake_at(kept.row.name, keeping.next_at);
    return {};
  }
  return TRY(drained(books_.journal())) ? hold(kept) : start(kept);
}

Result<> Keeper::start_failed(Kept& kept) {
  if (is_spent(kept.policy, kept.keeping.in_row)) {
    return give_up(kept);
  }
  const std::optional<JobRow> job = TRY(books_.journal().job(kept.keeping.job));
  const Result<json::Value> result = json::parse(job ? job->result : "null");
  return back_off(kept,
                  fmt::format("its start by job {} failed: {}", kept.keeping.job,
                              result ? result->at("error").at("message").string_or("?") : "?"));
}

Result<> Keeper::back_off(Kept& kept, const std::string& message) {
  Keeping& keeping = kept.keeping;
  const double draw = std::uniform_real_distribution<double>(0, 1)(random_);
  keeping.next_at = clock_.unix_ms() + restart_delay(keeping.in_row, draw).count();
  ++keeping.in_row;
  keeping.job.clear();
  kept.row.status = Status::backoff;
  TRY(put(kept));
  wake_at(kept.row.name, keeping.next_at);
  json::Object data{{"runtime", kept.row.runtime},
                    {"attempt", keeping.in_row},
                    {"at", keeping.next_at},
                    {"exit", to_json(kept.row.exit.value_or(Exit{}))}};
  if (!message.empty()) {
    data.set("message", message);
  }
  return books_.tell(Event{.kind = "container",
                           .object = kept.row.name,
                           .what = std::string(to_string(Status::backoff)),
                           .data = std::move(data)});
}

Result<> Keeper::give_up(Kept& kept) {
  const Exit exit = kept.row.exit.value_or(Exit{});
  kept.keeping.gave_up = true;
  kept.keeping.job.clear();
  TRY(put(kept));
  TRY(note_status(books_, kept.row.name, Status::stopped, exit, ""));
  return books_.tell(Event{.kind = "container",
                           .object = kept.row.name,
                           .what = "gave_up",
                           .data = {{"runtime", kept.row.runtime},
                                    {"attempts", kept.keeping.in_row},
                                    {"exit", to_json(exit)}}});
}

Result<> Keeper::hold(Kept& kept) {
  if (!kept.keeping.held.empty()) {
    return {};
  }
  kept.keeping.held = "the node is drained";
  TRY(put(kept));
  return books_.tell(Event{.kind = "container",
                           .object = kept.row.name,
                           .what = std::string(to_string(Status::backoff)),
                           .data = {{"runtime", kept.row.runtime},
                                    {"attempt", kept.keeping.in_row},
                                    {"exit", to_json(kept.row.exit.value_or(Exit{}))},
                                    {"held", kept.keeping.held}}});
}

Result<> Keeper::start(Kept& kept) {
  const JobRequest request = TRY(own_job(clock_, Verb::container_start, kept.row.name));
  ++kept.keeping.restarts;
  kept.keeping.job = request.id.str();
  kept.keeping.next_at = 0;
  kept.keeping.held.clear();
  TRY(put(kept));
  busy_.insert(kept.row.name);
  return intake_.submit_own(request, kByRestartPolicy);
}

void Keeper::wake_at(const std::string& name, std::int64_t unix_ms) {
  wake_not(name);
  const std::int64_t left = std::max<std::int64_t>(0, unix_ms - clock_.unix_ms());
  wakings_[name] = loop_.after(std::chrono::milliseconds(left), [this, name] {
    wakings_.erase(name);
    look_at(name);
  });
}

void Keeper::wake_not(const std::string& name) {
  if (const auto found = wakings_.find(name); found != wakings_.end()) {
    loop_.cancel(found->second);
    wakings_.erase(found);
  }
}

}  // namespace drover::jobs
