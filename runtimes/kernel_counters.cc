#include "runtimes/kernel_counters.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace drover::runtimes {
namespace {

constexpr std::size_t kMostInterfaces = 64;

/// Takes the next word off the front, which blanks part from the rest; "" at the end.
std::string_view next_word(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  const std::string_view word = text.substr(0, text.find_first_of(" \t"));
  text.remove_prefix(word.size());
  return word;
}

std::string_view next_line(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  return line;
}

Count whole_number(std::string_view word) {
  std::uint64_t number = 0;
  const char* const end = word.data() + word.size();
  const auto [at, error] = std::from_chars(word.data(), end, number);
  return error == std::errc() && at == end ? Count(number) : std::nullopt;
}

bool is_plain_name(std::string_view name) {
  return !name.empty() &&
         std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

}  // namespace

Count single_number(std::string_view text) {
  return whole_number(text.substr(0, text.find('\n')));
}

Count number_of_key(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    std::string_view line = next_line(text);
    if (next_word(line) == key) {
      return whole_number(next_word(line));
    }
  }
  return std::nullopt;
}

std::optional<double> cores_of(std::string_view quota, std::string_view period) {
  const Count most = whole_number(quota);
  const Count of = whole_number(period);
  if (!most || !of || *of == 0) {
    return std::nullopt;
  }
  return static_cast<double>(*most) / static_cast<double>(*of);
}

IoUsage io_of_stat(std::string_view text) {
  std::uint64_t read_bytes = 0;
  std::uint64_t write_bytes = 0;
  std::uint64_t reads = 0;
  std::uint64_t writes = 0;
  while (!text.empty()) {
    std::string_view line = next_line(text);
    for (std::string_view word = next_word(line); !word.empty(); word = next_word(line)) {
      const std::size_t equals = word.find('=');
      if (equals == std::string_view::npos) {
        continue;
      }
      const std::string_view key = word.substr(0, equals);
      const std::uint64_t number = whole_number(word.substr(equals + 1)).value_or(0);
      read_bytes += key == "rbytes" ? number : 0;
      write_bytes += key == "wbytes" ? number : 0;
      reads += key == "rios" ? number : 0;
      writes += key == "wios" ? number : 0;
    }
  }
  return {read_bytes, write_bytes, reads, writes};
}

ReadsAndWrites sums_of_blkio(std::string_view text) {
  ReadsAndWrites sums;
  while (!text.empty()) {
    std::string_view line = next_line(text);
    next_word(line);  // the device
    const std::string_view what = next_word(line);
    const std::uint64_t number = whole_number(next_word(line)).value_or(0);
    sums.reads += what == "Read" ? number : 0;
    sums.writes += what == "Write" ? number : 0;
  }
  return sums;
}

std::vector<InterfaceUsage> interfaces_of(std::string_view text) {
  // "  eth0: BYTES PACKETS ERRS DROP FIFO FRAME COMPRESSED MULTICAST BYTES PACKETS ERRS DROP ...",
  // below two lines of heading, which have no colon. A name cannot have one either.
  constexpr std::size_t kColumns = 12;
  std::vector<InterfaceUsage> all;
  while (!text.empty() && all.size() < kMostInterfaces) {
    std::string_view line = next_line(text);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) {
      continue;
    }
    std::string_view before = line.substr(0, colon);
    const std::string_view name = next_word(before);
    line.remove_prefix(colon + 1);
    std::array<std::uint64_t, kColumns> counts{};
    bool whole = is_plain_name(name) && name != "lo";
    for (std::uint64_t& count : counts) {
      const Count number = whole_number(next_word(line));
      whole = whole && number;
      count = number.value_or(0);
    }
    if (whole) {
      all.push_back({std::string(name), counts[0], counts[1], counts[2], counts[3], counts[8],
                     counts[9], counts[10], counts[11]});
    }
  }
  return all;
}

}  // namespace drover::runtimes
