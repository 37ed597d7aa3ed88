#include "agent/jobs/keep/log_turner.h"

#include <chrono>
#include <utility>

#include "agent/system/log.h"

namespace drover::jobs {
namespace {

/// What a program can print in that time is what its log may be too large.
constexpr std::chrono::seconds kBetweenLooks{1};

bool prints(Status status) {
  return status == Status::running || status == Status::paused;
}

}  // namespace

LogTurner::~LogTurner() {
  if (timer_ != 0) {
    loop_.cancel(timer_);
  }
}

Result<> LogTurner::take_up() {
  const std::vector<ContainerRow> rows = TRY(books_.journal().containers());
  for (const ContainerRow& row : rows) {
    if (prints(row.status)) {
      watch(row);
    }
  }
  return {};
}

void LogTurner::hear(const Event& event) {
  if (event.kind != "container") {
    return;
  }
  const std::optional<Status> status = status_from(event.what);
  if (event.what == "gone" || (status && !prints(*status))) {
    watched_.erase(event.object);
  } else if (status) {
    const Result<std::optional<ContainerRow>> row = books_.journal().container(event.object);
    if (row && *row) {
      watch(**row);
    }
  }
}

void LogTurner::watch(const ContainerRow& row) {
  if (const Result<> watched = try_to_watch(row); !watched) {
    system::log_warning("bound the log of container {}: {}", row.name, watched.error().message);
  }
}

Result<> LogTurner::try_to_watch(const ContainerRow& row) {
  ContainerRecord record = TRY(container_record_from(row.container));
  runtimes::Runtime* runtime = TRY(node_.runtime(record.container.runtime));
  watched_.insert_or_assign(
      row.name, Watched{std::make_unique<const ContainerRecord>(std::move(record)), runtime});
  if (timer_ == 0) {
    timer_ = loop_.after(kBetweenLooks, [this] { look(); });
  }
  return {};
}

void LogTurner::look() {
  timer_ = 0;
  for (auto& [name, watched] : watched_) {
    const Result<> turned = watched.runtime->turn_log(watched.record->container);
    const std::string fault = turned ? "" : turned.error().message;
    if (!fault.empty() && fault != watched.fault) {
      system::log_warning("bound the log of container {}: {}", name, fault);
    }
    watched.fault = fault;
  }
  if (!watched_.empty()) {
    timer_ = loop_.after(kBetweenLooks, [this] { look(); });
  }
}

}  // namespace drover::jobs
