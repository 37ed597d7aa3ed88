// InputRecord: how much of an input stream its program has taken, kept so that the next agent knows
// it, too, however this one ends.
//
// A file of two lines: how many bytes were taken, how many behind them are being given just now,
// and whether the end of file was; and which program it is. Written in place before and after each
// write to the program: on a file system in memory, as /run is, that is two system calls. What a
// kill leaves between the two is doubt, and is told as such.
#pragma once

#include <cstdint>
#include <string>

#include "agent/core/result.h"
#include "agent/system/file.h"
#include "agent/system/unique_fd.h"

namespace drover::jobs {

/// For one thread.
class InputRecord {
 public:
  /// A new file; `program`: InputProgram::name.
  static Result<InputRecord> make(const system::Path& path, const std::string& program);
  /// One of an earlier agent. `broken` when it cannot be read.
  static Result<InputRecord> read(const system::Path& path);

  const std::string& program() const { return program_; }
  std::uint64_t taken() const { return taken_; }
  /// How many bytes behind `taken` an earlier agent was giving when it was killed: none of them may
  /// have arrived, or all.
  std::uint64_t doubtful() const { return giving_; }
  bool finished() const { return finished_; }

  /// Before so many bytes are given to the program.
  Result<> begin(std::size_t bytes);
  /// And when it has taken so many of them.
  Result<> end(std::size_t bytes);
  /// It was given the end of file.
  Result<> finish();
  /// Takes the file away.
  void remove();

 private:
  InputRecord(system::Path path, std::string program, system::UniqueFd file)
      : path_(std::move(path)), program_(std::move(program)), file_(std::move(file)) {}
  Result<> write() const;

  system::Path path_;
  std::string program_;
  system::UniqueFd file_;
  std::uint64_t taken_ = 0;
  std::uint64_t giving_ = 0;
  bool finished_ = false;
};

}  // namespace drover::jobs
