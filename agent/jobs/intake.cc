#include "agent/jobs/intake.h"

#include "agent/jobs/admission.h"
#include "agent/jobs/views.h"
#include "messaging/message.h"

namespace drover::jobs {
namespace {

/// Half a second's worth of short jobs on few workers: soon enough, and no stampede.
constexpr std::int64_t kRetryAfterMs = 500;

/// What a client may send is bounded in depth far below what the parser could bear.
constexpr json::ParseOptions kBodyOptions{false, 32, messaging::kMostBody};

}  // namespace

void Intake::submit(std::string_view body, const Answer& answer) {
  const auto submit = [&]() -> Result<> {
    const json::Value value = TRY(json::parse(body, kBodyOptions).context("read the job"));
    const JobRequest request = TRY(read_job(value));
    if (const auto known = TRY(books_.journal().job(request.id.str()))) {
      return answer_known(*known, request, answer);
    }
    TRY(admit(request));
    if (supervisor_.waiting() >= most_waiting_) {
      answer("busy", json::write(json::Object{{"retry_after_ms", kRetryAfterMs}}));
      return {};
    }
    return accept(request, answer);
  };
  if (const Result<> submitted = submit(); !submitted) {
    answer("error", messaging::write_error(submitted.error()));
  }
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

Result<> Intake::admit(const JobRequest& request) const {
  if (request.deadline_unix_ms != 0 && request.deadline_unix_ms <= clock_.unix_ms()) {
    return fail(Code::timed_out, "job {}: its deadline has passed already", request.id.str());
  }
  if (request.spec) {
    return admit_container(node_, request.target, *request.spec);
  }
  return {};
}

Result<> Intake::accept(const JobRequest& request, const Answer& answer) {
  JobRow row{request.id.str(), std::string(to_string(request.verb)),
             request.target,   json::write(to_json(request)),
             JobState::queued, "null",
             clock_.unix_ms(), 0};
  if (request.verb == Verb::job_cancel) {
    const auto wanted = TRY(books_.journal().job(request.target));
    if (!wanted) {
      return fail(Code::not_found, "cancel job {}: node {} knows no such job", request.target,
                  node_.name);
    }
  }
  TRY(books_.journal().add_job(row));
  json::Object data{{"verb", row.verb}, {"target", row.target}};
  const bool at_once = request.verb == Verb::job_cancel;
  if (!at_once) {
    // A worker may have it before this turn's commit, but writes its first step behind that. A
    // commit that fails takes the job back.
    supervisor_.submit(request, row);
    books_.after_commit([this, job = row.id](const Result<>& committed) {
      if (!committed) {
        supervisor_.withdraw(job);
      }
    });
    if (const std::optional<Waiting> waits = supervisor_.waits_for(row.id)) {
      data.set("waits_for", waits->thing);
      data.set("before", waits->before);
    }
  }
  TRY(books_.tell(Event{.kind = "job",
                        .object = row.id,
                        .what = "accepted",
                        .job = row.id,
                        .data = std::move(data)}));
  json::Object view = job_view(row);
  view.set("duplicate", false);
  answer_after_commit(answer, std::move(view));
  return at_once ? cancel(request) : Result<>();
}

Result<> Intake::cancel(const JobRequest& request) {
  Result<json::Value> outcome = json::Value(json::Object{{"cancelled", request.target}});
  const auto row = TRY(books_.journal().job(request.target));
  const bool ended = row && is_final(row->state);
  // One that ends in this very moment is asked in vain, which does no harm.
  if (ended || !supervisor_.cancel(request.target)) {
    outcome = fail(Code::conflict, "cancel job {}: it has {} already", request.target,
                   row ? to_string(row->state) : "ended");
  }
  return write_end(books_, request.id.str(), request.target, outcome, clock_.unix_ms());
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
