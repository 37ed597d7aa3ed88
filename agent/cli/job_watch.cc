#include "agent/cli/job_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

namespace drover::cli {
namespace {

// A job without a deadline is resent for so long; the node answers within milliseconds.
constexpr std::chrono::seconds kSubmitTime{60};
// How long one wait for the next event is; what is waited for is the job's end.
constexpr std::chrono::milliseconds kWatchTurn = std::chrono::hours{1};
// How long the events of a job that has ended already may take to come.
constexpr std::chrono::milliseconds kLastEvents{500};

bool has_ended(const json::Value& job) {
  const auto state = job_state_from(job.at("state").string_or(""));
  return state && is_final(*state);
}

std::chrono::milliseconds time_to_submit(const JobRequest& request) {
  if (request.deadline_unix_ms == 0) {
    return kSubmitTime;
  }
  const std::int64_t left = request.deadline_unix_ms - system::SystemClock().unix_ms();
  return std::chrono::milliseconds(std::max<std::int64_t>(left, 1));
}

}  // namespace

JobWatch::JobWatch(Session& session, messaging::Client& client, messaging::Subscription events,
                   std::string id, bool quiet)
    : session_(&session),
      client_(&client),
      events_(std::move(events)),
      id_(std::move(id)),
      progress_(quiet, stderr) {}

Result<JobWatch> JobWatch::submit(Session& session, messaging::Client& client,
                                  const JobRequest& request, bool quiet) {
  if (client.is_cluster() && client.target() == "any") {
    return submit_to_any(session, client, request, quiet);
  }
  const system::Stop& stop = session.interrupt.first();
  messaging::Subscription events =
      TRY(messaging::Subscription::open(client, {.snapshot = {}}, stop));
  JobWatch watch(session, client, std::move(events), request.id.str(), quiet);
  Result<json::Value> job = client.submit(request, client.in(time_to_submit(request)), stop);
  if (!job) {
    if (job.error().code == Code::cancelled) {
      // Its answer was not waited for, but the node may have it.
      TRY(watch.cancel());
    }
    return Failure(std::move(job).error());
  }
  watch.job_ = std::move(*job);
  watch.is_new_ = !watch.job_.at("duplicate").boolean_or(false);
  return watch;
}

Result<JobWatch> JobWatch::submit_to_any(Session& session, messaging::Client& client,
                                         const JobRequest& request, bool quiet) {
  const system::Stop& stop = session.interrupt.first();
  const Result<json::Value> job = client.submit(request, client.in(time_to_submit(request)), stop);
  if (!job) {
    if (job.error().code == Code::cancelled) {
      fmt::print(stderr, "drover: job {} may have come to a node: `drover where {}`\n",
                 request.id.str(), request.id.str());
    }
    return Failure(job.error());
  }
  client.set_target(std::string(job->at("node").string_or("")));
  return follow(session, client, request.id.str(), quiet);
}

Result<JobWatch> JobWatch::follow(Session& session, messaging::Client& client,
                                  const std::string& id, bool quiet) {
  const system::Stop& stop = session.interrupt.first();
  messaging::Subscription events =
      TRY(messaging::Subscription::open(client, {.snapshot = {}}, stop));
  JobWatch watch(session, client, std::move(events), id, quiet);
  watch.job_ = TRY(client.job(id, stop));
  watch.is_new_ = false;
  return watch;
}

Result<json::Value> JobWatch::wait() {
  const system::Stop& first = session_->interrupt.first();
  const system::Stop* stop = &first;
  while (!has_ended(job_) || (is_new_ && !told_)) {
    const bool had_ended = has_ended(job_);
    Result<bool> seen = see(had_ended ? kLastEvents : kWatchTurn, *stop);
    if (had_ended && (!seen || !*seen)) {
      break;
    }
    if (!seen && seen.error().code == Code::cancelled && stop == &first) {
      stop = &session_->interrupt.second();
      TRY(cancel());
      continue;
    }
    if (!seen) {
      progress_.finish();
      return Failure(std::move(seen).error().context("job " + id_));
    }
  }
  progress_.finish();
  return job_;
}

Result<bool> JobWatch::see(std::chrono::milliseconds turn, const system::Stop& stop) {
  if (!may_have_ended_) {
    const std::optional<messaging::Notice> notice = TRY(events_.next(client_->in(turn), stop));
    if (!notice) {
      return false;
    }
    may_have_ended_ = may_end(*notice);
    told_ = told_ || (may_have_ended_ && std::holds_alternative<Event>(*notice));
  }
  if (may_have_ended_) {
    job_ = TRY(client_->job(id_, stop));
    may_have_ended_ = false;
  }
  return true;
}

Result<> JobWatch::cancel() {
  progress_.finish();
  fmt::print(stderr, "drover: cancelling job {} (Ctrl-C again leaves it to the node)\n", id_);
  const std::int64_t now = system::SystemClock().unix_ms();
  const JobId id = TRY(JobId::parse(make_uuid7(static_cast<std::uint64_t>(now))));
  const JobRequest request{id, Verb::job_cancel, id_, {}, {}, 0};
  TRY(client_->submit(request, client_->in(kSubmitTime), session_->interrupt.second()));
  return {};
}

/// Whether this notice may tell of the job's end.
bool JobWatch::may_end(const messaging::Notice& notice) {
  const Event* event = std::get_if<Event>(&notice);
  if (event == nullptr) {
    return true;  // a snapshot: whatever happened before it is not told as events
  }
  if (event->kind != "job" || event->object != id_) {
    return false;
  }
  progress_.take(*event);
  const auto state = job_state_from(event->what);
  return state && is_final(*state);
}

}  // namespace drover::cli
