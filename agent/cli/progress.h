// Progress: the steps of a job on standard error, as its events tell them.
#pragma once

#include <cstdio>
#include <string>

#include "agent/core/event.h"

namespace drover::cli {

/// On a terminal a step stands there while it is under way; elsewhere each line is written whole.
class Progress {
 public:
  /// Writes to `out`, which it does not own.
  Progress(bool quiet, std::FILE* out);

  /// Any event of the job.
  void take(const Event& event);
  /// Ends a line that is under way.
  void finish();

 private:
  /// How far the step is that is under way.
  void take_progress(const json::Value& data);

  bool quiet_;
  bool live_;
  std::FILE* out_;
  std::string verb_;      // the job's, once it has begun
  std::string open_;      // the text of the step whose line is not ended
  bool covered_ = false;  // behind that stands how far it was
};

}  // namespace drover::cli
