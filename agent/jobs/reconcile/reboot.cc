#include "agent/jobs/reconcile/reboot.h"

#include <algorithm>

#include "agent/jobs/container_record.h"
#include "agent/jobs/drain.h"
#include "agent/jobs/journal/keeping.h"
#include "agent/jobs/own_job.h"
#include "agent/jobs/status_change.h"
#include "agent/system/log.h"
#include "runtimes/exit_file.h"

namespace drover::jobs {
namespace {

constexpr const char* kBootFact = "boot_id";
/// JSON array of the names of guests that ran before the reboot and were not seen since.
constexpr const char* kUnseenFact = "unseen_since_boot";
constexpr const char* kReason = "reboot";

bool has_a_program(Status status) {
  return status == Status::running || status == Status::paused || status == Status::stopping;
}

/// Whether the job decides itself what becomes of its container.
bool decides(const JobRow& job) {
  const std::optional<Verb> verb = verb_from(job.verb);
  return verb &&
         (makes_container(*verb) || starts_container(*verb) || *verb == Verb::container_stop ||
          *verb == Verb::container_migrate || *verb == Verb::container_delete);
}

Result<std::vector<std::string>> unseen(Journal& journal) {
  std::vector<std::string> names;
  const std::string fact = TRY(journal.fact(kUnseenFact));
  if (fact.empty()) {
    return names;
  }
  const json::Value value = TRY(json::parse(fact));
  if (const json::Array* array = value.array()) {
    for (const json::Value& name : *array) {
      names.emplace_back(name.string_or(""));
    }
  }
  return names;
}

Result<> set_unseen(Journal& journal, const std::vector<std::string>& names) {
  return journal.set_fact(
      kUnseenFact, names.empty() ? "" : json::write(json::Array(names.begin(), names.end())));
}

}  // namespace

Result<> Reboot::remember(Journal& journal, const std::string& boot_id) {
  return journal.set_fact(kBootFact, boot_id);
}

Result<> Reboot::note(const std::string& boot_id) {
  Journal& journal = books_.journal();
  const std::string before = TRY(journal.fact(kBootFact));
  if (before == boot_id) {
    return {};
  }
  TRY(remember(journal, boot_id));
  if (before.empty()) {
    // A journal of its first start, or of a version that did not keep it: nobody can tell.
    return {};
  }
  const std::vector<ContainerRow> rows = TRY(journal.containers());
  std::vector<std::string> guests = TRY(unseen(journal));
  for (const ContainerRow& row : rows) {
    if (!has_a_program(row.status)) {
      continue;
    }
    if (row.runtime == to_string(RuntimeKind::pve_lxc)) {
      if (std::find(guests.begin(), guests.end(), row.name) == guests.end()) {
        guests.push_back(row.name);
      }
      continue;
    }
    TRY(note_container(row));
  }
  system::log_info("this machine was rebooted; {} containers ran before", ended_.size());
  return set_unseen(journal, guests);
}

Result<> Reboot::note_container(const ContainerRow& row) {
  const ContainerName name = TRY(ContainerName::parse(row.name));
  // A start removes it, so one that is there tells of the program that ran last.
  Exit exit = runtimes::read_exit_file(node_.layout.exit_file(name));
  if (!exit.code) {
    exit = Exit{};
    exit.reason = kReason;
  }
  ended_.push_back(row.name);
  TRY(mark_ended_with_node(books_.journal(), row.name));
  return note_status(books_, row.name, Status::stopped, exit, "");
}

Result<bool> Reboot::is_started_again(const ContainerRow& row) {
  const ContainerRecord record = TRY(container_record_from(row.container));
  if (row.wanted != Wanted::running ||
      record.container.spec.restart.when != RestartPolicy::When::always) {
    return false;
  }
  const std::vector<JobRow> jobs = TRY(books_.journal().unfinished());
  const bool is_decided = std::any_of(jobs.begin(), jobs.end(), [&row](const JobRow& job) {
    return job.target == row.name && decides(job);
  });
  if (is_decided) {
    return false;
  }
  if (TRY(drained(books_.journal()))) {
    system::log_warning("container {} is not started again after the reboot: the node is drained",
                        row.name);
    return false;
  }
  return true;
}

Result<> Reboot::start(const std::string& name) {
  const std::optional<ContainerRow> row = TRY(books_.journal().container(name));
  if (!row || !TRY(is_started_again(*row))) {
    return {};
  }
  const JobRequest request = TRY(own_job(clock_, Verb::container_start, name));
  return intake_.submit_own(request, kReason);
}

Result<> Reboot::start_again() {
  for (const std::string& name : ended_) {
    TRY(start(name));
  }
  ended_.clear();
  return {};
}

Result<> Reboot::note_observed(const std::string& name,
                               const std::optional<runtimes::State>& state) {
  Journal& journal = books_.journal();
  std::vector<std::string> guests = TRY(unseen(journal));
  if (std::erase(guests, name) == 0) {
    return jobs::note_observed(books_, name, state);
  }
  TRY(set_unseen(journal, guests));
  const std::optional<ContainerRow> row = TRY(journal.container(name));
  const bool ended = !state || state->status == Status::stopped;
  if (!row || !ended || !has_a_program(row->status)) {
    return jobs::note_observed(books_, name, state);
  }
  Exit exit = state ? state->exit.value_or(Exit{}) : Exit{};
  if (!exit.code) {
    exit.reason = kReason;
  }
  TRY(mark_ended_with_node(journal, name));
  TRY(note_status(books_, name, Status::stopped, exit, ""));
  return start(name);
}

}  // namespace drover::jobs
