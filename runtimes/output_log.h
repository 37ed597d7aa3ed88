// OutputLog: a file of what a program printed, line by line, in the format of Kubernetes' log files
// that conmon(8) writes for containers: "TIME stdout|stderr F|P TEXT".
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "agent/system/clock.h"
#include "agent/system/file.h"
#include "runtimes/log_rotation.h"
#include "runtimes/printed_lines.h"

namespace drover::runtimes {

/// For one thread.
class OutputLog {
 public:
  /// Makes the file (0600) and its folder, emptying one that is there.
  static Result<OutputLog> open(const system::Path& path, system::Clock& clock);
  /// The same without emptying it: a container that is started again writes on. It goes on in
  /// another file once one is full.
  static Result<OutputLog> append(const system::Path& path, system::Clock& clock,
                                  const LogBounds& bounds);

  /// Takes what came on "stdout" or "stderr", and writes it by PrintedLines: a part of a line as
  /// partial ("P"). What cannot be written is lost, and the first of its errors returned.
  Result<> write(std::string_view stream, std::string_view chunk);
  /// Writes what still waits; the same.
  Result<> finish();

 private:
  OutputLog(system::UniqueFd file, system::Clock& clock) : file_(std::move(file)), clock_(clock) {}
  Result<> write_all_of(const std::function<void(const PrintedLines::Take&)>& lines);
  Result<> write_line(std::string_view stream, char tag, std::string_view text);
  Result<> turn();
  std::uint64_t size_now() const;

  system::UniqueFd file_;
  system::Clock& clock_;
  system::Path path_;
  std::optional<LogBounds> bounds_;
  std::uint64_t size_ = 0;  ///< of the file
  bool is_torn_ = false;    ///< it ends with a part of a record that could not be written whole
  PrintedLines lines_;
};

}  // namespace drover::runtimes
