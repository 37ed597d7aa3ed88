#include "agent/jobs/intake.h"

#include "agent/jobs/admission.h"
#include "agent/jobs/admit_image.h"
#include "agent/jobs/admit_network.h"
#include "agent/jobs/drain.h"
#include "agent/jobs/key_reach.h"
#include "agent/jobs/own_job.h"
#include "agent/jobs/queries/views.h"
#include "agent/jobs/reconcile/leaks.h"
#include "agent/jobs/reconcile/rebuild.h"
#include "agent/system/crash_point.h"
#include "messaging/message.h"

namespace drover::jobs {
namespace {

/// Half a second's worth of short jobs on few workers: soon enough, and no stampede.
constexpr std::int64_t kRetryAfterMs = 500;

/// How much later than here it may be where ids are made. They are remembered that much longer.
constexpr std::int64_t kMostAhead = 86'400;

/// What a client may send is bounded in depth far below what the parser could bear.
constexpr json::ParseOptions kBodyOptions{false, 32, messaging::kMostBody};

}  // namespace

void Intake::submit(std::string_view body, const Answer& answer, const AllowedKey* sender,
                    std::string_view via) {
  const auto busy = [&answer](std::int64_t retry_after_ms) {
    answer("busy", json::write(json::Object{{"retry_after_ms", retry_after_ms}}));
    return Result<>();
  };
  const auto submit = [&]() -> Result<> {
    const json::Value value = TRY(json::parse(body, kBodyOptions).context("read the job"));
    const JobRequest request = TRY(read_job(value));
    if (sender != nullptr) {
      TRY(check_reach(*sender, books_.journal(), request));
    }
    if (const auto known = TRY(books_.journal().job(request.id.str()))) {
      return answer_known(*known, request, answer);
    }
    if (is_full_for(request, body.size())) {
      return busy(kRetryAfterMs);
    }
    if (sender != nullptr) {
      if (TRY(has_all_its_jobs(*sender, request))) {
        return busy(kRetryAfterMs);
      }
      if (const auto wait = rates_.take(*sender)) {
        return busy(wait->count());
      }
    }
    TRY(admit(request));
    TRY(disk_.admit(request));
    return accept(request, answer,
                  sender == nullptr ? kLocalSender : std::string_view(sender->name.str()), via);
  };
  if (const Result<> submitted = submit(); !submitted) {
    answer("error", messaging::write_error(submitted.error()));
  }
}

bool Intake::is_full_for(const JobRequest& request, std::size_t bytes) const {
  // What is done at once waits nowhere; a cancel makes the queue shorter.
  if (is_done_at_once(request.verb)) {
    return false;
  }
  // One job of any size is taken when there is no other.
  const bool fits = supervisor_.bytes() == 0 || supervisor_.bytes() + bytes <= queue_.bytes;
  return supervisor_.waiting() >= queue_.jobs || !fits;
}

Result<bool> Intake::has_all_its_jobs(const AllowedKey& sender, const JobRequest& request) {
  // What is done at once is none that waits.
  if (sender.limits.queued == 0 || is_done_at_once(request.verb)) {
    return false;
  }
  const std::int64_t there = TRY(books_.journal().count_unfinished(sender.name.str()));
  return there >= sender.limits.queued;
}

void Intake::answer_after_commit(const Answer& answer, json::Object view) {
  books_.after_commit([answer, text = json::write(std::move(view))](const Result<>& committed) {
    if (committed) {
      answer("job.accepted", text);
    } else {
      answer("error", messaging::write_error(committed.error()));
    }
  });
}

Result<> Intake::answer_known(const JobRow& row, const JobRequest& request, const Answer& answer) {
  if (row.request != json::write(to_json(request))) {
    return fail(Code::conflict,
                "job {} was submitted before with another content ({} {}): choose a new id", row.id,
                row.verb, row.target);
  }
  json::Object view = job_view(row);
  view.set("duplicate", true);
  // The earlier submission may be of this very turn and not on the disk yet.
  answer_after_commit(answer, std::move(view));
  return {};
}

Result<> Intake::check_age(const JobId& id) const {
  const std::optional<std::int64_t> made = uuid7_time(id.str());
  if (!made) {
    return {};
  }
  if (*made < TRY(memory_begins(books_.journal()))) {
    return fail(Code::refused,
                "job {}: expired: its id was made before node {} lost its journal, and with it "
                "what was done before: look whether it was done, then choose a new id",
                id.str(), node_.name);
  }
  const std::int64_t age_s = (clock_.unix_ms() - *made) / 1000;
  const std::int64_t most = node_.config.journal.dedupe_s;
  if (age_s > most) {
    return fail(
        Code::refused,
        "job {}: expired: its id was made {} s ago, and node {} remembers what was done for "
        "{} s only: look whether it was done, then choose a new id",
        id.str(), age_s, node_.name, most);
  }
  if (-age_s > kMostAhead) {
    return fail(Code::invalid,
                "job {}: its id will be made in {} s by the clock of node {}: set the clocks, then "
                "choose a new id",
                id.str(), -age_s, node_.name);
  }
  return {};
}

Result<> Intake::admit(const JobRequest& request) const {
  TRY(check_age(request.id));
  if (request.deadline_unix_ms != 0 && request.deadline_unix_ms <= clock_.unix_ms()) {
    return fail(Code::timed_out, "job {}: its deadline has passed already", request.id.str());
  }
  if (request.verb == Verb::job_cancel) {
    const auto wanted = TRY(books_.journal().job(request.target));
    if (!wanted) {
      return fail(Code::not_found, "cancel job {}: node {} knows no such job", request.target,
                  node_.name);
    }
  }
  TRY(admit_to_node(books_.journal(), node_.name, request));
  if (target_kind_of(request.verb) == TargetKind::image) {
    return admit_image(node_, request);
  }
  if (target_kind_of(request.verb) == TargetKind::volume) {
    return admit_volume(node_, books_.journal(), request);
  }
  if (request.verb == Verb::network_ensure) {
    return admit_made_network(node_.config, request.target, request.options.address);
  }
  TRY(admit_change(node_, books_.journal(), request));
  if (request.verb == Verb::container_adopt) {
    return admit_adoption(node_, request);
  }
  if (request.spec) {
    return admit_container(node_, request.target, *request.spec);
  }
  return {};
}

Result<> Intake::accept(const JobRequest& request, const Answer& answer, std::string_view sender,
                        std::string_view via) {
  const JobRow row = TRY(take_in(request, "", sender, via));
  json::Object view = job_view(row);
  view.set("duplicate", false);
  answer_after_commit(answer, std::move(view));
  return is_done_at_once(request.verb) ? do_at_once(request) : Result<>();
}

Result<> Intake::submit_own(const JobRequest& request, std::string_view by) {
  TRY(take_in(request, by, ""));
  return {};
}

Result<JobRow> Intake::take_in(const JobRequest& request, std::string_view made_by,
                               std::string_view sender, std::string_view via) {
  JobRow row{request.id.str(), std::string(to_string(request.verb)),
             request.target,   json::write(to_json(request)),
             JobState::queued, "null",
             clock_.unix_ms(), 0};
  row.made_by = made_by;
  row.sender = sender;
  row.via = via;
  TRY(books_.journal().add_job(row));
  json::Object told{{"verb", row.verb}, {"target", row.target}};
  if (!row.made_by.empty()) {
    told.set("by", row.made_by);
  } else {
    told.set("sender", row.sender);
  }
  if (!row.via.empty()) {
    told.set("via", row.via);
  }
  if (!is_done_at_once(request.verb)) {
    enqueue(request, row);
    if (const std::optional<Waiting> waits = supervisor_.waits_for(row.id)) {
      told.set("waits_for", waits->thing);
      told.set("before", waits->before);
    }
  }
  TRY(books_.tell(Event{.kind = "job",
                        .object = row.id,
                        .what = "accepted",
                        .job = row.id,
                        .data = std::move(told)}));
  return row;
}

void Intake::enqueue(const JobRequest& request, const JobRow& row) {
  // A worker may have it before this turn's commit, but writes its first step behind that. A commit
  // that fails takes the job back.
  supervisor_.submit(request, row);
  books_.after_commit([this, job = row.id](const Result<>& committed) {
    if (!committed) {
      supervisor_.withdraw(job);
    }
  });
}

Result<> Intake::do_at_once(const JobRequest& request) {
  const Result<json::Value> outcome = [&] {
    switch (request.verb) {
      case Verb::node_drain:
        return drain(request);
      case Verb::node_undrain:
        return undrain(request);
      case Verb::node_collect:
        return collect(request);
      default:
        return cancel(request);
    }
  }();
  system::crash_point("at once before commit");
  books_.after_commit([](const Result<>&) { system::crash_point("at once after commit"); });
  return write_end(books_, request.id.str(), request.target, outcome, clock_.unix_ms());
}

/// What was taken away nobody brings back: from where a container is condemned its deletion goes
/// on.
Result<bool> Intake::is_taking_away(const JobRow& job) {
  if (job.verb != to_string(Verb::container_delete) || job.attempt == 0) {
    return false;
  }
  const std::optional<ContainerRow> row = TRY(books_.journal().container(job.target));
  return row && row->wanted == Wanted::gone;
}

Result<json::Value> Intake::cancel(const JobRequest& request) {
  const auto row = TRY(books_.journal().job(request.target));
  const bool ended = row && is_final(row->state);
  if (row && !ended && TRY(is_taking_away(*row))) {
    return fail(Code::refused,
                "cancel job {}: it deletes container {}, a part of which may be gone already; it "
                "ends by itself",
                request.target, row->target);
  }
  // One that ends in this very moment is asked in vain, which does no harm.
  if (ended || !supervisor_.cancel(request.target, request.id.str())) {
    const JobState state = row ? row->state : JobState::succeeded;
    return fail(Code::conflict, "cancel job {}: it {} {} already", request.target,
                state == JobState::cancelled ? "was" : "has",
                ended ? to_string(state) : std::string_view("ended"));
  }
  return json::Value(json::Object{{"cancelled", request.target}});
}

Result<json::Value> Intake::drain(const JobRequest& request) {
  TRY(drain_node(books_, request, clock_.unix_ms()));
  json::Array stopping;
  if (request.options.stop_containers) {
    const std::vector<std::string> names = TRY(containers_to_stop(books_.journal()));
    for (const std::string& name : names) {
      JobRequest stop = TRY(own_job(clock_, Verb::container_stop, name));
      stop.priority = request.priority;
      TRY(submit_own(stop, "node.drain " + request.id.str()));
      stopping.emplace_back(json::Object{{"container", name}, {"job", stop.id.str()}});
    }
  }
  return json::Value(json::Object{{"drained", node_.name}, {"stopping", std::move(stopping)}});
}

Result<json::Value> Intake::undrain(const JobRequest& request) {
  TRY(undrain_node(books_, request));
  return json::Value(json::Object{{"undrained", node_.name}});
}

Result<json::Value> Intake::collect(const JobRequest& request) {
  const std::vector<LeakRow> ordered =
      TRY(order_leaks(books_.journal(), request.options.leaks, clock_.unix_ms()));
  json::Array collecting;
  for (const LeakRow& row : ordered) {
    collecting.emplace_back(json::Object{{"kind", row.kind}, {"name", row.name}});
  }
  books_.after_commit([this](const Result<>& committed) {
    if (committed) {
      collect_();
    }
  });
  return json::Value(json::Object{{"collecting", std::move(collecting)}});
}

Result<> Intake::resume() {
  const std::vector<JobRow> left = TRY(books_.journal().unfinished());
  for (const JobRow& row : left) {
    const Result<json::Value> value = json::parse(row.request);
    Result<JobRequest> request =
        value ? read_job(*value) : Result<JobRequest>(Failure(value.error()));
    if (!request) {
      TRY(write_end(books_, row.id, row.target, Failure(request.error()), clock_.unix_ms()));
      continue;
    }
    supervisor_.submit(std::move(*request), row);
  }
  return {};
}

}  // namespace drover::jobs
