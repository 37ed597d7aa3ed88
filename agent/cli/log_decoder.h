// LogDecoder: the k8s-file format that conmon(8) and droverd write logs in, line by line
//     2026-11-24T14:03:05.123456789+01:00 stdout F text
// F: a whole line; P: a part of one, whose rest follows. And lines as a terminal was given them.
#pragma once

#include <array>
#include <functional>
#include <string>
#include <string_view>

namespace drover::cli {

struct LogLine {
  /// As it stands in the log where the line begins; "" for the rest of one, and for another format.
  std::string_view time;
  bool is_error = false;  ///< it was printed on standard error
  bool ends = true;       ///< a newline follows the text
  std::string_view text;
};

class LogDecoder {
 public:
  /// The views passed to `take` live as long as the call.
  explicit LogDecoder(std::function<void(const LogLine&)> take) : take_(std::move(take)) {}

  /// The next bytes of the log, however they are cut. Those that are `raw` hold nothing but text,
  /// with a carriage return before each newline.
  void feed(std::string_view bytes, bool raw = false);
  /// The log is at its end: what waits for its newline is passed on as it is.
  void finish();

 private:
  void line(std::string_view text);

  std::function<void(const LogLine&)> take_;
  std::string waiting_;
  std::array<bool, 2> within_{};  ///< a line, of standard output and of standard error
  bool raw_ = false;
};

}  // namespace drover::cli
