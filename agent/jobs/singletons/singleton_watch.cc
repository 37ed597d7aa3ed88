#include "agent/jobs/singletons/singleton_watch.h"

#include <utility>

#include "agent/jobs/container_record.h"
#include "agent/jobs/journal/keeping.h"
#include "agent/jobs/own_job.h"
#include "agent/system/boot_time.h"
#include "agent/system/log.h"

namespace drover::jobs {
namespace {

constexpr std::chrono::milliseconds kLookAt{500};

/// Nothing runs, and nobody is about to change that.
bool is_at_rest(Status status) {
  return status == Status::stopped || status == Status::created || status == Status::backoff;
}

}  // namespace

SingletonWatch::~SingletonWatch() {
  if (next_ != 0) {
    loop_.cancel(next_);
  }
}

void SingletonWatch::start() {
  next_ = loop_.after(kLookAt, [this] {
    look();
    start();
  });
}

void SingletonWatch::look() {
  for (const auto& [name, held] : singletons_.held()) {
    if (const Result<> looked = look_at(name, held); !looked) {
      system::log_warning("look at singleton {}: {}", name, looked.error().message);
    }
  }
}

Result<> SingletonWatch::look_at(const std::string& name, const Singletons::Held& held) {
  const std::optional<ContainerRow> row = TRY(books_.journal().container(name));
  if (!row || is_at_rest(row->status)) {
    if (!TRY(books_.journal().has_unfinished(name))) {
      ended_.erase(name);
      singletons_.give_back(name);
    }
    return {};
  }
  const bool runs = row->status == Status::running || row->status == Status::paused;
  const bool is_over = system::boot_time() >= singletons_.stops_at(held);
  if (!runs || !is_over || ended_[name] == held.claim.attempt) {
    return {};
  }
  ended_[name] = held.claim.attempt;
  return end(*row, held);
}

Result<> SingletonWatch::end(ContainerRow row, const Singletons::Held& held) {
  Keeping keeping = TRY(keeping_of(row));
  keeping.claim_lost = true;
  set_keeping(row, keeping);
  TRY(books_.journal().put_container(row));
  const std::string why = held.message.empty() ? "it was not renewed in time" : held.message;
  TRY(books_.tell(Event{
      .kind = "container",
      .object = row.name,
      .what = "claim_lost",
      .data = {{"runtime", row.runtime},
               {"claim", json::Object{{"name", held.claim.name}, {"attempt", held.claim.attempt}}},
               {"message", why}}}));
  system::log_warning("container {} has lost claim \"{}\" (attempt {}) and is stopped: {}",
                      row.name, held.claim.name, held.claim.attempt, why);
  JobRequest request = TRY(own_job(clock_, Verb::container_stop, row.name));
  request.options.grace_s = singletons_.time_to_stop().count();
  return intake_.submit_own(request, kByClaim);
}

}  // namespace drover::jobs
