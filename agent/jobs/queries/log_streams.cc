#include "agent/jobs/queries/log_streams.h"

#include <sys/epoll.h>
#include <sys/inotify.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "agent/core/fields.h"
#include "agent/core/rfc3339.h"
#include "agent/jobs/journal/kept_log.h"
#include "agent/system/inotify.h"
#include "messaging/record.h"
#include "runtimes/log_search.h"

namespace drover::jobs {
namespace {

constexpr std::size_t kMostStreams = 256;
/// So that one client leaves some to the others.
constexpr std::size_t kMostOfOne = 128;
constexpr std::int64_t kMostTail = 10'000;
constexpr std::int64_t kMostCredit = std::int64_t{16} << 20;

}  // namespace

LogStreams::LogStreams(system::Loop& loop, Journal& journal, runtimes::Layout layout, Send send)
    : loop_(loop),
      journal_(journal),
      layout_(std::move(layout)),
      send_(std::move(send)),
      inotify_(inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
  if (!inotify_.valid()) {
    throw std::system_error(errno, std::generic_category(), "inotify_init1");
  }
  loop_.watch(inotify_.get(), EPOLLIN, [this](std::uint32_t) { changed(); });
}

LogStreams::~LogStreams() {
  loop_.unwatch(inotify_.get());
}

Result<LogStreams::Source> LogStreams::find(const std::string& kind, const std::string& object) {
  if (kind == "job") {
    const auto row = TRY(journal_.job(object));
    if (!row) {
      return fail(Code::not_found, "open the log of job {}: there is no such job", object);
    }
    const JobId id = TRY(JobId::parse(object));
    return Source{layout_.job_log(id), !is_final(row->state), false};
  }
  if (const auto row = TRY(journal_.container(object))) {
    const ContainerName name = TRY(ContainerName::parse(object));
    return Source{layout_.log(name), row->status != Status::stopped,
                  row->runtime == to_string(RuntimeKind::pve_lxc)};
  }
  const auto kept = TRY(journal_.deleted(object));
  if (!kept) {
    return fail(Code::not_found, "open the log of container {}: there is no such container",
                object);
  }
  const JobId job = TRY(JobId::parse(kept->job));
  const json::Value view = TRY(view_of(*kept));
  return Source{layout_.kept_log(job), false,
                view.at("runtime").string_or("") == to_string(RuntimeKind::pve_lxc)};
}

Result<std::uint64_t> LogStreams::find_start(const Source& source, const Start& start) {
  if (start.since && source.raw) {
    return fail(Code::refused,
                "since {}: what a guest of Proxmox prints is kept without times; ask for the last "
                "lines (tail)",
                to_rfc3339(*start.since));
  }
  const runtimes::LogParts parts = TRY(runtimes::open_log_parts(source.path));
  std::uint64_t offset = 0;
  if (start.tail) {
    offset = TRY(runtimes::find_last_lines(parts, *start.tail, source.raw));
  }
  if (start.since) {
    const std::uint64_t first = TRY(runtimes::find_time(parts, *start.since));
    offset = std::max(offset, first);
  }
  return offset;
}

Result<> LogStreams::open(const Address& address, const json::Value& body) {
  Faults faults;
  Fields fields(body, "", faults);
  const std::string of = fields.one_of("of", "container.log", {"container.log", "job.log"});
  const std::string kind = of.substr(0, of.find('.'));
  const std::string key = kind == "job" ? "id" : "name";
  fields.require(key);
  Stream stream;
  stream.kind = kind;
  stream.object = fields.string(key);
  stream.offset = static_cast<std::uint64_t>(fields.integer("offset", 0, 0, INT64_MAX));
  stream.follow = fields.boolean("follow", false);
  stream.credit = static_cast<std::uint64_t>(fields.integer("credit", 0, 0, kMostCredit));
  Start start;
  if (fields.has("tail")) {
    start.tail = static_cast<std::uint64_t>(fields.integer("tail", 0, 0, kMostTail));
  }
  if (fields.has("since")) {
    start.since = fields.integer("since", 0, 0, INT64_MAX);
  }
  fields.finish();
  TRY(faults.result("the stream is not understood"));
  TRY(check_room(address));
  const Source source = TRY(find(kind, stream.object));
  stream.follow = stream.follow && source.grows;
  stream.raw = source.raw;
  if (start.tail || start.since) {
    stream.offset = TRY(find_start(source, start));
  }
  Result<runtimes::RotatedLog> log = runtimes::RotatedLog::open(source.path, true, stream.offset);
  if (!log) {
    const bool absent = log.error().code == Code::not_found;
    return fail(absent && source.grows ? Code::unavailable : log.error().code,
                "open the log of {} {}: {}", kind, stream.object,
                !absent      ? log.error().message
                : source.raw ? "nothing was kept: what a guest of Proxmox prints is kept from its "
                               "next start on"
                             : "nothing was written yet");
  }
  stream.log = std::move(*log);
  if (stream.follow) {
    stream.watch = TRY(watch(source));
  }
  const auto placed = streams_.emplace(address, std::move(stream)).first;
  if (pump(address, placed->second)) {
    drop(placed);
  }
  return {};
}

Result<> LogStreams::check_room(const Address& address) const {
  if (streams_.contains(address) || streams_.size() >= kMostStreams) {
    return fail(Code::conflict,
                "open a stream: {} are open, and one of this number may be among them",
                streams_.size());
  }
  const auto of_one = std::distance(streams_.lower_bound({address.first, 0}),
                                    streams_.upper_bound({address.first, UINT64_MAX}));
  return static_cast<std::size_t>(of_one) < kMostOfOne
             ? Result<>()
             : fail(Code::conflict,
                    "open a stream: {} of this connection are open, the most that may", of_one);
}

/// Streams of one file share the kernel's watch; it goes with the last of them.
Result<int> LogStreams::watch(const Source& source) {
  // A file that is begun anew has no watch yet, and its folder tells of it.
  const runtimes::Path path = source.path.parent_path();
  const int number =
      inotify_add_watch(inotify_.get(), path.c_str(), IN_MODIFY | IN_CREATE | IN_MOVED_TO);
  if (number < 0) {
    return fail(Code::broken, "watch {}: {}", path.native(), std::strerror(errno));
  }
  return number;
}

Result<> LogStreams::credit(const Address& address, const json::Value& body) {
  Faults faults;
  Fields fields(body, "", faults);
  const std::int64_t bytes = fields.integer("bytes", 0, 1, kMostCredit);
  fields.finish();
  TRY(faults.result("the credit is not understood"));
  const auto found = streams_.find(address);
  if (found == streams_.end()) {
    return {};
  }
  Stream& stream = found->second;
  stream.credit = std::min<std::uint64_t>(stream.credit + static_cast<std::uint64_t>(bytes),
                                          static_cast<std::uint64_t>(kMostCredit));
  if (pump(address, stream)) {
    drop(found);
  }
  return {};
}

void LogStreams::close(const Address& address) {
  if (const auto found = streams_.find(address); found != streams_.end()) {
    drop(found);
  }
}

void LogStreams::close_of(std::uint64_t peer) {
  for (auto at = streams_.lower_bound({peer, 0});
       at != streams_.end() && at->first.first == peer;) {
    drop(at++);
  }
}

void LogStreams::close_all() {
  while (!streams_.empty()) {
    drop(streams_.begin());
  }
}

void LogStreams::ended(std::string_view kind, const std::string& object) {
  for (auto& [address, stream] : streams_) {
    if (stream.kind == kind && stream.object == object) {
      stream.follow = false;
    }
  }
  pump_all([&](const Stream& stream) { return stream.kind == kind && stream.object == object; });
}

void LogStreams::changed() {
  std::vector<int> touched;
  std::vector<int> rotated;
  system::take_changes(inotify_, [&](const system::FileChange& change) {
    touched.push_back(change.watch);
    if ((change.mask & (IN_CREATE | IN_MOVED_TO)) != 0) {
      rotated.push_back(change.watch);
    }
  });
  // Also for those who take nothing now: a part may come and go before they do.
  for (const auto& [address, stream] : streams_) {
    const auto found = std::find(rotated.begin(), rotated.end(), stream.watch);
    if (found != rotated.end()) {
      (void)stream.log->count_parts().has_value();
      rotated.erase(std::remove(rotated.begin(), rotated.end(), stream.watch), rotated.end());
    }
  }
  pump_all([&](const Stream& stream) {
    return std::find(touched.begin(), touched.end(), stream.watch) != touched.end();
  });
}

bool LogStreams::pump(const Address& address, Stream& stream) {
  while (stream.credit > 0) {
    std::string data(std::min<std::uint64_t>(stream.credit, messaging::kMostData), '\0');
    const std::uint64_t wanted = stream.offset;
    const Result<std::size_t> size = stream.log->read(stream.offset, data.data(), data.size());
    if (!size) {
      send_(address, "stream.end", {},
            json::write(json::Object{{"offset", stream.offset}, {"error", size.error().message}}),
            "");
      return true;
    }
    if (*size == 0) {
      if (stream.follow) {
        return false;
      }
      if (goes_on_in_kept(stream)) {
        continue;
      }
      send_(address, "stream.end", {}, json::write(json::Object{{"offset", stream.offset}}), "");
      return true;
    }
    data.resize(*size);
    json::Object header{{"offset", stream.offset}};
    if (stream.raw) {
      header.set("raw", true);
    }
    if (stream.offset != wanted) {
      header.set("gone", stream.offset - wanted);
    }
    send_(address, "stream.data", std::move(header), "{}", std::move(data));
    stream.offset += *size;
    stream.credit -= *size;
  }
  return false;
}

bool LogStreams::goes_on_in_kept(Stream& stream) {
  const Result<Source> source = find(stream.kind, stream.object);
  if (stream.kept || !source || source->path.parent_path() != layout_.kept_logs()) {
    return false;
  }
  Result<runtimes::RotatedLog> log = runtimes::RotatedLog::open(source->path, true, stream.offset);
  if (!log) {
    return false;
  }
  stream.log = std::move(*log);
  stream.kept = true;
  return true;
}

void LogStreams::pump_all(const std::function<bool(const Stream&)>& which) {
  for (auto at = streams_.begin(); at != streams_.end();) {
    const auto stream = at++;
    if (which(stream->second) && pump(stream->first, stream->second)) {
      drop(stream);
    }
  }
}

void LogStreams::drop(std::map<Address, Stream>::iterator stream) {
  const int watch = stream->second.watch;
  streams_.erase(stream);
  const bool shared = std::any_of(streams_.begin(), streams_.end(), [watch](const auto& other) {
    return other.second.watch == watch;
  });
  if (watch >= 0 && !shared) {
    inotify_rm_watch(inotify_.get(), watch);
  }
}

}  // namespace drover::jobs
