#include "agent/cli/log_decoder.h"

#include <optional>
#include <utility>

namespace drover::cli {
namespace {

// Far above what any writer of the format puts on a line; more than this is passed on in pieces.
constexpr std::size_t kMostWaiting = std::size_t{1} << 20;

std::string_view take_word(std::string_view& text) {
  const std::size_t space = text.find(' ');
  if (space == std::string_view::npos) {
    return {};
  }
  const std::string_view word = text.substr(0, space);
  text.remove_prefix(space + 1);
  return word;
}

std::optional<LogLine> parse(std::string_view text) {
  LogLine line;
  line.time = take_word(text);
  const std::string_view stream = take_word(text);
  if (line.time.size() < 20 || line.time[4] != '-' || line.time[10] != 'T' ||
      (stream != "stdout" && stream != "stderr") || text.empty()) {
    return std::nullopt;
  }
  // A line without text may stand without the space behind its tag.
  const char tag = text.front();
  if ((tag != 'F' && tag != 'P') || (text.size() > 1 && text[1] != ' ')) {
    return std::nullopt;
  }
  line.is_error = stream == "stderr";
  line.ends = tag == 'F';
  line.text = text.size() > 2 ? text.substr(2) : std::string_view();
  return line;
}

}  // namespace

void LogDecoder::line(std::string_view text) {
  if (raw_) {
    text.remove_suffix(text.ends_with('\r') ? 1 : 0);
    take_(LogLine{{}, false, true, text});
    return;
  }
  std::optional<LogLine> parsed = parse(text);
  if (!parsed) {
    take_(LogLine{{}, false, true, text});
    return;
  }
  bool& within = within_.at(parsed->is_error ? 1 : 0);
  if (std::exchange(within, !parsed->ends)) {
    parsed->time = {};
  }
  take_(*parsed);
}

void LogDecoder::feed(std::string_view bytes, bool raw) {
  raw_ = raw;
  for (;;) {
    const std::size_t end = bytes.find('\n');
    if (end == std::string_view::npos) {
      break;
    }
    if (waiting_.empty()) {
      line(bytes.substr(0, end));
    } else {
      waiting_ += bytes.substr(0, end);
      line(waiting_);
      waiting_.clear();
    }
    bytes.remove_prefix(end + 1);
  }
  waiting_ += bytes;
  if (waiting_.size() > kMostWaiting) {
    take_(LogLine{{}, false, false, waiting_});
    waiting_.clear();
  }
}

void LogDecoder::finish() {
  if (!waiting_.empty()) {
    line(waiting_);
    waiting_.clear();
  }
}

}  // namespace drover::cli
