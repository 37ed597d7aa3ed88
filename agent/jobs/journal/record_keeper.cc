#include "agent/jobs/journal/record_keeper.h"

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <system_error>
#include <utility>

#include "agent/jobs/journal/node_record.h"
#include "agent/jobs/journal/sealed_record.h"
#include "agent/system/log.h"

namespace drover::jobs {
namespace {

/// A job changes its container a few times within moments, and each record written costs the disk,
/// which the job waits for as well, two syncs.
constexpr std::chrono::milliseconds kSettles{500};
/// After a record could not be written, as on a full disk.
constexpr std::chrono::seconds kRecordAgain{5};

constexpr std::string_view kRecordSuffix = ".json";

}  // namespace

RecordKeeper::RecordKeeper(Journal& journal, runtimes::Layout layout)
    : journal_(journal), layout_(std::move(layout)), thread_([this] { work(); }) {}

RecordKeeper::~RecordKeeper() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  woken_.notify_one();
  thread_.join();
}

Result<> RecordKeeper::start(const std::string& boot_id) {
  TRY(system::make_folders(layout_.records(), 0700));
  const system::Path boot = layout_.boot_of_records();
  if (const Result<> noted = system::write_atomically(boot, boot_id, 0600); !noted) {
    // Without it nobody takes what ran for ended by a reboot; with that of an earlier boot one
    // would.
    system::log_warning("{}", noted.error().message);
    ::unlink(boot.c_str());
  }
  std::set<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(layout_.records(), error), end;
       !error && entry != end; entry.increment(error)) {
    const system::Path file = entry->path().filename();
    if (file.extension() == kRecordSuffix && ContainerName::parse(file.stem().native())) {
      names.insert(file.stem().native());
    }
  }
  const std::vector<ContainerRow> rows = TRY(journal_.containers());
  for (const ContainerRow& row : rows) {
    names.insert(row.name);
  }
  changed(names);
  note_node();
  return {};
}

void RecordKeeper::hear(const Event& event) {
  const bool of_drain =
      event.kind == "node" && (event.what == "drained" || event.what == "undrained");
  if (of_drain || event.kind == "network") {
    note_node();
  }
}

void RecordKeeper::note_node() {
  const Result<NodeRecord> record = node_record(journal_);
  if (record) {
    post(layout_.node_record(), seal(*record));
  } else {
    system::log_warning("record of the node: {}", record.error().message);
  }
}

void RecordKeeper::changed(const std::set<std::string>& names) {
  for (const std::string& name : names) {
    const Result<std::optional<SealedRecord>> record = sealed_record(journal_, name);
    if (!record) {
      system::log_warning("record of container {}: {}", name, record.error().message);
      continue;
    }
    Text text;
    if (*record) {
      text = seal(**record);
      const std::size_t hash = std::hash<std::string>()(*text);
      if (const auto before = known_.find(name); before != known_.end() && before->second == hash) {
        continue;
      }
      known_[name] = hash;
    } else {
      known_.erase(name);
    }
    if (const Result<ContainerName> parsed = ContainerName::parse(name)) {
      post(layout_.record(*parsed), std::move(text));
    }
  }
}

void RecordKeeper::post(const system::Path& file, Text text) {
  {
    const std::lock_guard lock(mutex_);
    due_.insert_or_assign(file, std::move(text));
  }
  woken_.notify_one();
}

void RecordKeeper::work() {
  bool told = false;
  bool settled = false;
  std::unique_lock lock(mutex_);
  for (;;) {
    woken_.wait(lock, [this] { return closing_ || !due_.empty(); });
    if (due_.empty()) {
      return;
    }
    if (!settled) {
      woken_.wait_for(lock, kSettles, [this] { return closing_; });
      settled = true;
    }
    const auto next = due_.extract(due_.begin());
    lock.unlock();
    const Result<> written = write(next.key(), next.mapped());
    if (!written && !std::exchange(told, true)) {
      system::log_warning("{}; it is tried again", written.error().message);
    }
    lock.lock();
    if (written) {
      told = false;
      settled = !due_.empty();
      continue;
    }
    if (closing_) {
      return;  // the next agent brings them to what the journal says
    }
    // A newer one that came meanwhile stays.
    due_.emplace(next.key(), next.mapped());
    woken_.wait_for(lock, kRecordAgain, [this] { return closing_; });
  }
}

Result<> RecordKeeper::write(const system::Path& file, const Text& text) {
  if (text) {
    return system::write_atomically(file, *text, 0600);
  }
  if (unlink(file.c_str()) != 0 && errno != ENOENT) {
    return fail(Code::broken, "delete {}: {}", file.native(), std::strerror(errno));
  }
  return {};
}

}  // namespace drover::jobs
