#include "agent/jobs/journal/disk_watch.h"

#include <charconv>
#include <chrono>

#include "agent/system/disk_space.h"
#include "agent/system/log.h"

namespace drover::jobs {
namespace {

constexpr std::chrono::seconds kLookEvery{5};
/// While jobs wait for the disk.
constexpr std::chrono::seconds kLookSoon{1};

/// Full from the reserve on, and not before a quarter more is there again: a node at its bound does
/// not tell the one and the other every few seconds.
constexpr std::uint64_t kMoreForRoom = 4;

/// A journal has three files, a record or log of a container some.
constexpr std::uint64_t kLeastFiles = 64;

constexpr const char* kFullSince = "disk_full";
constexpr std::uint64_t kMib = std::uint64_t{1} << 20;

/// What ends something, gives space back, or is done at once and leaves nothing behind.
bool is_taken_in_always(Verb verb) {
  if (is_done_at_once(verb)) {
    return true;
  }
  switch (verb) {
    case Verb::container_stop:
    case Verb::container_kill:
    case Verb::container_delete:
    case Verb::image_remove:
    case Verb::volume_delete:
    case Verb::network_remove:
      return true;
    default:
      return false;
  }
}

}  // namespace

DiskWatch::~DiskWatch() {
  if (timer_ != 0) {
    loop_.cancel(timer_);
  }
}

Result<> DiskWatch::start() {
  const std::string since = TRY(books_.journal().fact(kFullSince));
  std::from_chars(since.data(), since.data() + since.size(), told_);
  since_ = told_;
  turn();
  return {};
}

void DiskWatch::turn() {
  look();
  const bool wanted = books_.stalled() > 0 || missed_ != 0;
  const auto pause = wanted ? system::Duration(kLookSoon) : system::Duration(kLookEvery);
  timer_ = loop_.after(pause, [this] { turn(); });
}

void DiskWatch::measure() {
  const Result<system::DiskSpace> space = system::disk_space(options_.folder);
  if (!space) {
    if (!std::exchange(blind_, true)) {
      system::log_warning("{}; jobs are taken in as if there were some", space.error().message);
    }
  } else {
    blind_ = false;
    free_ = space->free;
  }
  const std::uint64_t bound =
      since_ == 0 ? options_.reserve : options_.reserve + options_.reserve / kMoreForRoom;
  why_.clear();
  if (books_.stalled() > 0) {
    why_ = books_.why_stalled();
  } else if (space && free_ < bound) {
    why_ = fmt::format("{} MiB are left and {} are kept for the journal", free_ / kMib,
                       options_.reserve / kMib);
  } else if (space && options_.reserve > 0 && space->files && *space->files < kLeastFiles) {
    why_ = fmt::format("{} files can still be made", *space->files);
  }
  if (why_.empty()) {
    since_ = 0;
  } else if (since_ == 0) {
    since_ = clock_.unix_ms();
    // A job may be refused for it and find space again before the next look.
    missed_ = told_ == 0 ? since_ : missed_;
  }
}

void DiskWatch::look() {
  measure();
  // First what waits: it was done, and is only not written down.
  books_.try_again();
  if (const Result<> told = tell(); !told && told.error().code != Code::unavailable) {
    system::log_error("tell of the disk: {}", told.error().message);
  }
}

Result<> DiskWatch::tell() {
  if (since_ != 0 && told_ == 0) {
    return tell_one("disk_full", std::to_string(since_));
  }
  if (since_ != 0 || (told_ == 0 && missed_ == 0)) {
    return {};
  }
  if (told_ == 0) {
    TRY(tell_one("disk_full", std::to_string(missed_)));
  }
  return tell_one("disk_ok", "");
}

Result<> DiskWatch::tell_one(const std::string& what, const std::string& fact) {
  json::Object data{{"path", options_.folder.native()},
                    {"free_mib", free_ / kMib},
                    {"reserve_mib", options_.reserve / kMib}};
  if (!fact.empty()) {
    data.set("message", why_.empty() ? "nothing could be written" : why_);
  }
  TRY(books_.journal().set_fact(kFullSince, fact));
  TRY(books_.tell(
      Event{.kind = "node", .object = options_.node, .what = what, .data = std::move(data)}));
  books_.after_commit([this, fact, why = why_](const Result<>& committed) {
    if (!committed) {
      return;
    }
    missed_ = 0;
    told_ = fact.empty() ? 0 : since_;
    if (fact.empty()) {
      system::log_info("{} has space again: jobs are taken in", options_.folder.native());
    } else {
      system::log_error("the disk of {} is full, so no jobs are taken in: {}",
                        options_.folder.native(), why);
    }
  });
  return {};
}

Result<> DiskWatch::admit(const JobRequest& request) {
  if (is_taken_in_always(request.verb)) {
    return {};
  }
  measure();
  if (since_ == 0) {
    return {};
  }
  return fail(Code::unavailable,
              "{} {}: the disk of {} on node {} is full: {}. Delete containers, images or volumes, "
              "or make room otherwise: jobs are taken in again by themselves",
              to_string(request.verb), request.target, options_.folder.native(), options_.node,
              why_);
}

json::Object DiskWatch::view() const {
  return json::Object{{"path", options_.folder.native()},
                      {"free_mib", free_ / kMib},
                      {"reserve_mib", options_.reserve / kMib},
                      {"full_since", since_ == 0 ? json::Value() : json::Value(since_)},
                      {"message", since_ == 0 ? json::Value() : json::Value(why_)}};
}

}  // namespace drover::jobs
