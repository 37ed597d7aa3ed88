#include "runtimes/output_log.h"

#include <fcntl.h>

#include <cerrno>
#include <cstring>

#include "agent/core/event.h"

namespace drover::runtimes {
namespace {
constexpr std::size_t kMostWaiting = 16 * 1024;
}

Result<OutputLog> OutputLog::open(const system::Path& path, system::Clock& clock) {
  return open_with(path, clock, O_TRUNC);
}

Result<OutputLog> OutputLog::append(const system::Path& path, system::Clock& clock) {
  return open_with(path, clock, O_APPEND);
}

Result<OutputLog> OutputLog::open_with(const system::Path& path, system::Clock& clock, int flags) {
  TRY(system::make_folders(path.parent_path(), 0700));
  system::UniqueFd file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC | flags, 0600));
  if (!file.valid()) {
    return fail(Code::broken, "open {}: {}", path.native(), std::strerror(errno));
  }
  return OutputLog(std::move(file), clock);
}

Result<> OutputLog::write(std::string_view stream, std::string_view chunk) {
  std::string& waiting = stream == "stderr" ? err_ : out_;
  while (!chunk.empty()) {
    const std::size_t end = chunk.find('\n');
    waiting.append(chunk.substr(0, end));
    chunk.remove_prefix(end == std::string_view::npos ? chunk.size() : end + 1);
    if (end != std::string_view::npos) {
      TRY(write_line(stream, 'F', waiting));
      waiting.clear();
    } else if (waiting.size() >= kMostWaiting) {
      TRY(write_line(stream, 'P', waiting));
      waiting.clear();
    }
  }
  return {};
}

Result<> OutputLog::finish() {
  if (!out_.empty()) {
    TRY(write_line("stdout", 'P', out_));
    out_.clear();
  }
  if (!err_.empty()) {
    TRY(write_line("stderr", 'P', err_));
    err_.clear();
  }
  return {};
}

Result<> OutputLog::write_line(std::string_view stream, char tag, std::string_view text) {
  return system::write_all(
      file_.get(), fmt::format("{} {} {} {}\n", to_rfc3339(clock_.unix_ms()), stream, tag, text));
}

}  // namespace drover::runtimes
