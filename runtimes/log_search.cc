#include "runtimes/log_search.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "agent/core/rfc3339.h"

namespace drover::runtimes {
namespace {

constexpr std::uint64_t kMostSearched = std::uint64_t{16} << 20;
constexpr std::size_t kChunk = 65536;
/// A time, a stream and a tag are less.
constexpr std::size_t kHead = 64;
/// Most records are less.
constexpr std::size_t kShort = 1024;

/// Those that are there, the oldest first.
std::vector<const LogPart*> in_order(const LogParts& parts) {
  std::vector<const LogPart*> all;
  for (const LogPart& part : parts.older) {
    all.push_back(&part);
  }
  if (parts.newest.file.valid()) {
    all.push_back(&parts.newest);
  }
  return all;
}

/// What there is at that place of the part, at most `into`.
Result<std::string_view> read_at(const LogPart& part, std::uint64_t at, std::span<char> into) {
  const ssize_t got = ::pread(part.file.get(), into.data(), into.size(), static_cast<off_t>(at));
  if (got < 0) {
    return fail(Code::broken, "read a log: {}", std::strerror(errno));
  }
  return std::string_view(into.data(), static_cast<std::size_t>(got));
}

bool ends_a_line(std::string_view head) {
  const std::size_t stream = head.find(' ');
  const std::size_t tag = stream == std::string_view::npos ? stream : head.find(' ', stream + 1);
  // What is not of the format is a line of its own, as it is for whoever shows it.
  return tag == std::string_view::npos || head.substr(tag + 1, 1) != "P";
}

std::optional<std::int64_t> time_of(std::string_view head) {
  return unix_ms_from_rfc3339(head.substr(0, std::min(head.find(' '), head.size())));
}

/// Goes over a log's lines from its end.
class Backwards {
 public:
  Backwards(std::uint64_t lines, bool raw) : left_(lines), raw_(raw) {}

  /// Whether the place is found in this part, which is the next older one.
  Result<bool> search(const LogPart& part) {
    std::uint64_t at = TRY(size_of_part(part));
    std::optional<std::uint64_t> newline;  // that ends the record whose begin is sought
    while (at > 0) {
      const std::uint64_t from = at > kChunk ? at - kChunk : 0;
      std::array<char, kChunk> buffer{};
      const std::string_view chunk = TRY(read_at(part, from, std::span(buffer).first(at - from)));
      for (std::size_t i = chunk.size(); i-- > 0;) {
        if (chunk[i] != '\n') {
          continue;
        }
        const std::uint64_t here = from + i;
        if (raw_ || newline) {
          const bool found = TRY(take(part, here + 1, raw_ ? here : *newline));
          if (found) {
            return true;
          }
        }
        newline = here;
      }
      searched_ += at - from;
      at = from;
      if (searched_ >= kMostSearched) {
        place_ = part.begins + newline.value_or(at) + (newline ? 1 : 0);
        return true;
      }
    }
    if (!raw_ && newline) {
      const bool found = TRY(take(part, 0, *newline));
      if (found) {
        return true;
      }
    }
    place_ = part.begins;
    return false;
  }

  std::uint64_t place() const { return place_; }

 private:
  /// Of a record, or of a raw log a line's end.
  Result<bool> take(const LogPart& part, std::uint64_t begin, std::uint64_t newline) {
    if (!raw_) {
      std::array<char, kHead> buffer{};
      const std::string_view head = TRY(read_at(part, begin, buffer));
      if (!ends_a_line(head)) {
        return false;
      }
    }
    if (left_ == 0) {
      place_ = part.begins + newline + 1;
      return true;
    }
    --left_;
    return false;
  }

  std::uint64_t left_;
  bool raw_;
  std::uint64_t searched_ = 0;
  std::uint64_t place_ = 0;
};

/// Where the first record at or behind `at` begins, up to `end`.
Result<std::uint64_t> next_record(const LogPart& part, std::uint64_t at, std::uint64_t end) {
  while (at < end) {
    std::array<char, kShort> buffer{};
    const std::string_view chunk = TRY(read_at(part, at, buffer));
    const std::size_t newline = chunk.find('\n');
    if (newline != std::string_view::npos) {
      return std::min(end, at + newline + 1);
    }
    if (chunk.empty()) {
      break;
    }
    at += chunk.size();
  }
  return end;
}

/// None for a record without a time.
Result<std::optional<std::int64_t>> time_at(const LogPart& part, std::uint64_t at) {
  std::array<char, kHead> buffer{};
  const std::string_view head = TRY(read_at(part, at, buffer));
  return time_of(head);
}

/// Within the part; its size where all its records are older.
Result<std::uint64_t> find_time_in(const LogPart& part, std::int64_t unix_ms) {
  std::uint64_t low = 0;  // a record that is older begins here, or the first
  const std::uint64_t size = TRY(size_of_part(part));
  std::uint64_t high = size;
  while (high - low > kChunk) {
    const std::uint64_t middle = low + (high - low) / 2;
    const std::uint64_t record = TRY(next_record(part, middle, high));
    const std::optional<std::int64_t> time =
        record < high ? TRY(time_at(part, record)) : std::optional<std::int64_t>();
    if (time && *time < unix_ms) {
      low = record;
    } else {
      high = middle;
    }
  }
  for (std::uint64_t at = low; at < size; at = TRY(next_record(part, at, size))) {
    const std::optional<std::int64_t> time = TRY(time_at(part, at));
    if (time && *time >= unix_ms) {
      return at;
    }
  }
  return size;
}

}  // namespace

Result<std::uint64_t> find_last_lines(const LogParts& parts, std::uint64_t lines, bool raw) {
  Backwards backwards(lines, raw);
  std::vector<const LogPart*> all = in_order(parts);
  std::reverse(all.begin(), all.end());
  for (const LogPart* part : all) {
    const bool found = TRY(backwards.search(*part));
    if (found) {
      break;
    }
  }
  return backwards.place();
}

Result<std::uint64_t> find_time(const LogParts& parts, std::int64_t unix_ms) {
  std::uint64_t end = 0;
  for (const LogPart* part : in_order(parts)) {
    const std::uint64_t size = TRY(size_of_part(*part));
    const std::uint64_t found = TRY(find_time_in(*part, unix_ms));
    if (found < size) {
      return part->begins + found;
    }
    end = part->begins + size;
  }
  return end;
}

}  // namespace drover::runtimes
