// SealedRecord: all that is needed to stop, start and delete one container without the journal, as
// a file of its own. Only a journal that was lost is made anew from these files.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/result.h"
#include "agent/jobs/journal/journal.h"

namespace drover::jobs {

struct SealedRecord {
  ContainerRow container;      ///< its status and exit are not kept: the runtime knows them
  JobRow job;                  ///< that made it, so that it is not done again
  std::vector<StepRow> steps;  ///< of that job: how it is taken away
};

/// A line of JSON with a checksum over `record`.
std::string seal_json(const json::Object& record);
/// `broken` for a text that is not as `seal_json` wrote it.
Result<json::Value> unseal_json(std::string_view text);

std::string seal(const SealedRecord& record);
/// `broken` for a text that is not as `seal` wrote it.
Result<SealedRecord> unseal(std::string_view text);

/// Writes down the job that made the container, unless it is known, and its steps: what its
/// deletion goes by.
Result<> put_maker(Journal& journal, const SealedRecord& record);

/// Of a container of the journal; none when it has none of that name, or is still being made.
Result<std::optional<SealedRecord>> sealed_record(Journal& journal, const std::string& name);

}  // namespace drover::jobs
