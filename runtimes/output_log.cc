#include "runtimes/output_log.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "agent/core/rfc3339.h"

namespace drover::runtimes {
namespace {

Result<system::UniqueFd> open_with(const system::Path& path, int flags) {
  TRY(system::make_folders(path.parent_path(), 0700));
  system::UniqueFd file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC | flags, 0600));
  if (!file.valid()) {
    return fail(Code::broken, "open {}: {}", path.native(), std::strerror(errno));
  }
  return file;
}

}  // namespace

Result<OutputLog> OutputLog::open(const system::Path& path, system::Clock& clock) {
  return OutputLog(TRY(open_with(path, O_TRUNC)), clock);
}

Result<OutputLog> OutputLog::append(const system::Path& path, system::Clock& clock,
                                    const LogBounds& bounds) {
  TRY(system::make_folders(path.parent_path(), 0700));
  TRY(begin_rotated_log(path));
  TRY(end_torn_record(path));
  OutputLog log(TRY(open_with(path, O_APPEND)), clock);
  log.path_ = path;
  log.bounds_ = bounds;
  TRY(log.turn());
  return log;
}

Result<> OutputLog::write(std::string_view stream, std::string_view chunk) {
  return write_all_of([&](const PrintedLines::Take& take) { lines_.add(stream, chunk, take); });
}

Result<> OutputLog::finish() {
  return write_all_of([this](const PrintedLines::Take& take) { lines_.finish(take); });
}

Result<> OutputLog::write_all_of(const std::function<void(const PrintedLines::Take&)>& lines) {
  Result<> all;
  lines([&](std::string_view stream, std::string_view text, bool ends) {
    // What a full disk does not take must not fill the memory.
    Result<> written = write_line(stream, ends ? 'F' : 'P', text);
    if (!written && all) {
      all = std::move(written);
    }
  });
  return all;
}

Result<> OutputLog::write_line(std::string_view stream, char tag, std::string_view text) {
  const std::string line = fmt::format("{}{} {} {} {}\n", is_torn_ ? "\n" : "",
                                       to_rfc3339(clock_.unix_ms()), stream, tag, text);
  if (Result<> written = system::write_all(file_.get(), line); !written) {
    const std::uint64_t size = size_now();
    is_torn_ = is_torn_ || size != size_;
    size_ = size;
    return written;
  }
  is_torn_ = false;
  size_ += line.size();
  return bounds_ && size_ > bounds_->file_bytes ? turn() : Result<>();
}

std::uint64_t OutputLog::size_now() const {
  struct stat found {};
  return fstat(file_.get(), &found) == 0 ? static_cast<std::uint64_t>(found.st_size) : 0;
}

Result<> OutputLog::turn() {
  TRY(turn_rotated_log(path_, *bounds_));
  file_ = TRY(open_with(path_, O_APPEND));
  size_ = size_now();
  return {};
}

}  // namespace drover::runtimes
