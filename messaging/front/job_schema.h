// JobSchema: holds jobs against docs/schema/job.schema.json before they go on to droverd.
#pragma once

#include <memory>
#include <string_view>

#include "agent/core/result.h"

namespace drover::messaging {

/// For one thread.
class JobSchema {
 public:
  /// Throws when the schema that was built in cannot be read.
  JobSchema();
  ~JobSchema();
  JobSchema(const JobSchema&) = delete;
  JobSchema& operator=(const JobSchema&) = delete;

  /// `invalid` with every fault and its JSON pointer. What the schema cannot say (which options a
  /// verb takes, what a name looks like) droverd checks.
  Result<> check(std::string_view body) const;

 private:
  struct Loaded;
  std::unique_ptr<Loaded> loaded_;
};

}  // namespace drover::messaging
