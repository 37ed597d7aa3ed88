#include "agent/jobs/queries/input_record.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <string_view>

namespace drover::jobs {
namespace {

constexpr std::size_t kMostBytes = 512;

/// The number in front of `text`, which is cut off with the space behind it.
bool take_number(std::string_view& text, std::uint64_t& number) {
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const auto size = static_cast<std::size_t>(stop - text.data());
  if (error != std::errc() || size >= text.size() || text[size] != ' ') {
    return false;
  }
  text.remove_prefix(size + 1);
  return true;
}

}  // namespace

Result<InputRecord> InputRecord::make(const system::Path& path, const std::string& program) {
  system::UniqueFd file(
      ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.valid()) {
    return fail(Code::unavailable, "make {}: {}", path.native(), std::strerror(errno));
  }
  InputRecord record(path, program, std::move(file));
  if (Result<> written = record.write(); !written) {
    record.remove();
    return Failure(std::move(written).error());
  }
  return record;
}

Result<InputRecord> InputRecord::read(const system::Path& path) {
  const std::string text = TRY(system::read_file(path, kMostBytes));
  system::UniqueFd file(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!file.valid()) {
    return fail(Code::broken, "open {}: {}", path.native(), std::strerror(errno));
  }
  std::string_view rest = text;
  InputRecord record(path, "", std::move(file));
  if (!take_number(rest, record.taken_) || !take_number(rest, record.giving_) || rest.size() < 3 ||
      (rest[0] != '0' && rest[0] != '1') || rest[1] != '\n' || !rest.ends_with('\n')) {
    return fail(Code::broken, "{}: tells nothing of an input", path.native());
  }
  record.finished_ = rest[0] == '1';
  record.program_ = rest.substr(2, rest.size() - 3);
  return record;
}

Result<> InputRecord::begin(std::size_t bytes) {
  giving_ = bytes;
  return write();
}

Result<> InputRecord::end(std::size_t bytes) {
  giving_ = 0;
  taken_ += bytes;
  return write();
}

Result<> InputRecord::finish() {
  finished_ = true;
  return write();
}

void InputRecord::remove() {
  ::unlink(path_.c_str());
}

/// Of one length ever, so that it is replaced as a whole.
Result<> InputRecord::write() const {
  const std::string text =
      fmt::format("{:020} {:010} {}\n{}\n", taken_, giving_, finished_ ? 1 : 0, program_);
  if (::pwrite(file_.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    return fail(Code::unavailable, "write {}: {}", path_.native(), std::strerror(errno));
  }
  return {};
}

}  // namespace drover::jobs
