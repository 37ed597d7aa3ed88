#include "agent/jobs/queries/upload_streams.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "agent/core/fields.h"
#include "agent/core/image_reference.h"
#include "agent/jobs/pushed_archive.h"
#include "agent/system/crash_point.h"
#include "agent/system/spare_disk.h"
#include "messaging/message.h"

namespace drover::jobs {
namespace {

constexpr std::chrono::minutes kLookForOldEvery{5};

/// On a thread of its own.
Result<json::Value> write_upload(const runtimes::Path& folder, const system::UniqueFd& file,
                                 std::uint64_t offset, std::string_view data) {
  const system::DiskSpace space = TRY(system::disk_space(folder));
  if (!system::has_spare_room(space)) {
    return fail(Code::unavailable,
                "the disk of {} has no room to spare for it; make room, as by removing images "
                "(drover image prune), and push it again: it goes on where it was",
                folder.native());
  }
  for (std::size_t at = 0; at < data.size();) {
    const ssize_t done =
        pwrite(file.get(), data.data() + at, data.size() - at, static_cast<off_t>(offset + at));
    if (done < 0 && errno != EINTR) {
      return fail(errno == ENOSPC ? Code::unavailable : Code::broken, "write to {}: {}",
                  folder.native(), std::strerror(errno));
    }
    at += done < 0 ? 0 : static_cast<std::size_t>(done);
  }
  // So that it is not all written out at once, while others wait for the disk.
  sync_file_range(file.get(), static_cast<off_t>(offset), static_cast<off_t>(data.size()),
                  SYNC_FILE_RANGE_WRITE);
  return json::Value(static_cast<std::uint64_t>(data.size()));
}

}  // namespace

UploadStreams::UploadStreams(system::Loop& loop, runtimes::Layout layout, system::Clock& clock,
                             Send send)
    : loop_(loop),
      layout_(std::move(layout)),
      clock_(clock),
      send_(std::move(send)),
      writers_(loop) {
  take_up();
  look_again();
}

UploadStreams::~UploadStreams() {
  loop_.cancel(timer_);
}

void UploadStreams::take_up() {
  for (const runtimes::Path& path : system::children_of(layout_.uploads())) {
    struct stat facts {};
    if (lstat(path.c_str(), &facts) != 0) {
      continue;
    }
    const std::chrono::milliseconds age(clock_.unix_ms() - facts.st_mtim.tv_sec * 1000);
    if (!S_ISREG(facts.st_mode) || age >= kKept || uploads_.size() >= kMost) {
      ::unlink(path.c_str());
      continue;
    }
    Upload upload;
    upload.written = static_cast<std::uint64_t>(facts.st_size);
    upload.bytes = upload.written;
    upload.heard = clock_.now() - std::max(age, std::chrono::milliseconds(0));
    uploads_.emplace(path.filename().native(), std::move(upload));
  }
}

void UploadStreams::look_again() {
  remove_old();
  timer_ = loop_.after(kLookForOldEvery, [this] { look_again(); });
}

void UploadStreams::remove_old() {
  for (auto at = uploads_.begin(); at != uploads_.end();) {
    const auto upload = at++;
    if (upload->second.writing > 0) {
      continue;
    }
    const runtimes::Path path = layout_.uploads() / upload->first;
    const bool is_old = clock_.now() - upload->second.heard >= kKept;
    if (is_old) {
      ::unlink(path.c_str());
    }
    if (is_old || (!upload->second.address && ::access(path.c_str(), F_OK) != 0)) {
      if (upload->second.address) {
        fail_open(upload, {Code::broken, "no byte of the upload came for an hour", {}});
      }
      uploads_.erase(upload);
    }
  }
}

Result<> UploadStreams::open(const Address& address, std::string_view sender,
                             const json::Value& body) {
  Faults faults;
  Fields fields(body, "", faults);
  fields.require("sha256");
  fields.require("bytes");
  const std::string sha256 = fields.string("sha256");
  if (fields.has("sha256") && !is_image_digest("sha256:" + sha256)) {
    fields.fault("sha256", "must be 64 digits 0-9a-f");
  }
  const auto bytes = static_cast<std::uint64_t>(fields.integer("bytes", 1, 1, INT64_MAX));
  const auto offset = static_cast<std::uint64_t>(fields.integer("offset", 0, 0, INT64_MAX));
  fields.finish();
  TRY(faults.result("the upload is not understood"));
  const bool is_open = std::any_of(uploads_.begin(), uploads_.end(), [&](const auto& entry) {
    return entry.second.address == address;
  });
  if (is_open) {
    return fail(Code::conflict, "open an upload: one of this number is open");
  }
  remove_old();
  const Uploads::iterator upload = TRY(place(upload_name(sha256, sender), bytes));
  if (upload->second.address) {
    fail_open(upload, {Code::conflict, "the upload was opened by another connection", {}});
  }
  TRY(open_file(upload));
  if (offset > upload->second.written) {
    const std::uint64_t written = upload->second.written;
    shut(upload->second);
    return fail(Code::broken,
                "go on with the upload behind byte {}: the node has {} only; push it again", offset,
                written);
  }
  upload->second.address = address;
  upload->second.heard = clock_.now();
  tell(upload, "upload.opened");
  return {};
}

Result<UploadStreams::Uploads::iterator> UploadStreams::place(const std::string& name,
                                                              std::uint64_t bytes) {
  if (bytes > kMostBytes) {
    return fail(Code::refused, "an upload of {} bytes: a node takes {} at most", bytes, kMostBytes);
  }
  std::uint64_t others = 0;
  for (const auto& [other, upload] : uploads_) {
    others += other == name ? 0 : std::max(upload.bytes, upload.written);
  }
  const auto found = uploads_.find(name);
  if (others + bytes > kMostOfAll || (found == uploads_.end() && uploads_.size() >= kMost)) {
    return fail(Code::conflict,
                "an upload of {} bytes: {} others of {} bytes are here, and {} of {} bytes may be; "
                "those that get no byte for an hour go",
                bytes, uploads_.size(), others, kMost, kMostOfAll);
  }
  const Uploads::iterator upload =
      found == uploads_.end() ? uploads_.try_emplace(name).first : found;
  upload->second.bytes = bytes;
  if (found == uploads_.end()) {
    upload->second.heard = clock_.now();
  }
  return upload;
}

Result<> UploadStreams::open_file(Uploads::iterator upload) {
  TRY(system::make_folders(layout_.uploads(), 0700));
  const runtimes::Path path = layout_.uploads() / upload->first;
  if (upload->second.writing > 0) {
    return {};  // it is open
  }
  system::UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  struct stat facts {};
  if (!file.valid() || fstat(file.get(), &facts) != 0) {
    return fail(Code::broken, "open {}: {}", path.native(), std::strerror(errno));
  }
  // Whoever sends less or other than was said before is not gone on with.
  if (static_cast<std::uint64_t>(facts.st_size) > upload->second.bytes &&
      ftruncate(file.get(), 0) != 0) {
    return fail(Code::broken, "empty {}: {}", path.native(), std::strerror(errno));
  }
  const bool is_emptied = static_cast<std::uint64_t>(facts.st_size) > upload->second.bytes;
  upload->second.written = is_emptied ? 0 : static_cast<std::uint64_t>(facts.st_size);
  upload->second.file = std::make_shared<const system::UniqueFd>(std::move(file));
  return {};
}

Result<UploadStreams::Uploads::iterator> UploadStreams::find_open(const Address& address) {
  const auto found = std::find_if(uploads_.begin(), uploads_.end(), [&](const auto& entry) {
    return entry.second.address == address;
  });
  if (found == uploads_.end()) {
    return fail(Code::unavailable, "no upload of this number is open: open it again");
  }
  return found;
}

Result<> UploadStreams::take(const Address& address, std::uint64_t offset, std::string_view data) {
  const Uploads::iterator found = TRY(find_open(address));
  Upload& upload = found->second;
  const std::uint64_t received = upload.received();
  if (offset > received) {
    tell(found, "upload.taken", received);
    return {};
  }
  const std::string_view fresh =
      data.substr(std::min<std::uint64_t>(received - offset, data.size()));
  if (received + fresh.size() > std::min(upload.bytes, upload.written + kWindow) ||
      (upload.finishing && !fresh.empty())) {
    return fail(Code::invalid, "upload {}: bytes {} to {} are more than was allowed", found->first,
                received, received + fresh.size());
  }
  if (fresh.empty()) {
    tell(found, "upload.taken");
    return {};
  }
  upload.heard = clock_.now();
  upload.waiting += fresh;
  pump(found);
  return {};
}

Result<> UploadStreams::finish(const Address& address, const json::Value& body) {
  Faults faults;
  Fields fields(body, "", faults);
  fields.require("offset");
  const auto offset = static_cast<std::uint64_t>(fields.integer("offset", 0, 0, INT64_MAX));
  fields.finish();
  TRY(faults.result("the end of the upload is not understood"));
  const Uploads::iterator found = TRY(find_open(address));
  const std::uint64_t received = found->second.received();
  if (offset > received) {
    tell(found, "upload.taken", received);
    return {};
  }
  if (offset < found->second.bytes) {
    return fail(Code::invalid, "upload {}: it is to end at byte {}, and was to have {}",
                found->first, offset, found->second.bytes);
  }
  found->second.finishing = true;
  pump(found);
  return {};
}

void UploadStreams::pump(Uploads::iterator upload) {
  Upload& pumped = upload->second;
  if (pumped.writing > 0) {
    return;
  }
  if (pumped.waiting.empty()) {
    if (pumped.finishing && pumped.address) {
      send_(*pumped.address, "upload.end",
            json::Object{{"offset", pumped.written}, {"finished", true}});
      shut(pumped);
    }
    return;
  }
  pumped.writing = pumped.waiting.size();
  const Result<> asked = writers_.ask(
      [folder = layout_.uploads(), file = pumped.file, offset = pumped.written,
       data = std::exchange(pumped.waiting, {})](const system::Stop&) {
        Result<json::Value> wrote = write_upload(folder, *file, offset, data);
        system::crash_point("upload written");
        return wrote;
      },
      [this, name = upload->first](const Result<json::Value>& outcome) { written(name, outcome); });
  if (!asked) {
    pumped.writing = 0;
    fail_open(upload, asked.error());
  }
}

void UploadStreams::written(const std::string& name, const Result<json::Value>& outcome) {
  const auto upload = uploads_.find(name);
  Upload& pumped = upload->second;
  const std::uint64_t size = std::exchange(pumped.writing, 0);
  if (!outcome) {
    fail_open(upload, outcome.error());
    return;
  }
  pumped.written += size;
  if (!pumped.address) {
    shut(pumped);
    return;
  }
  tell(upload, "upload.taken");
  pump(upload);
}

void UploadStreams::tell(const Uploads::iterator& upload, std::string_view kind,
                         const std::optional<std::uint64_t>& from) {
  const Upload& told = upload->second;
  json::Object body{{"offset", told.written},
                    {"until", std::min(told.bytes, told.written + kWindow)},
                    {"upload", upload->first}};
  if (from) {
    body.set("from", *from);
  }
  send_(*told.address, kind, json::Value(std::move(body)));
}

void UploadStreams::fail_open(Uploads::iterator upload, const Error& error) {
  if (upload->second.address) {
    send_(*upload->second.address, "error", json::parse(messaging::write_error(error)).value());
  }
  shut(upload->second);
}

void UploadStreams::shut(Upload& upload) {
  upload.address.reset();
  upload.waiting.clear();
  upload.finishing = false;
  if (upload.writing == 0) {
    upload.file.reset();
  }
}

void UploadStreams::close(const Address& address) {
  for (auto& [name, upload] : uploads_) {
    if (upload.address == address) {
      shut(upload);
    }
  }
}

void UploadStreams::close_of(std::uint64_t peer) {
  for (auto& [name, upload] : uploads_) {
    if (upload.address && upload.address->first == peer) {
      shut(upload);
    }
  }
}

void UploadStreams::close_all() {
  for (auto& [name, upload] : uploads_) {
    shut(upload);
  }
}

}  // namespace drover::jobs
