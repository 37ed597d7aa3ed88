// A batch in a file: many jobs that are begun a few at a time.
//
//   {"id": "roll-7", "concurrency": 2, "max_failures": "10%", "canary": {"items": 1, "wait_s":
//   600},
//    "jobs": [{"verb": "container.restart", "target": "web-1", "node": "pve1"},
//             {"verb": "container.run", "target": "web-2", "spec": {...}, "needs": {...}}]}
#pragma once

#include <string>

#include "agent/core/json.h"
#include "agent/core/result.h"

namespace drover::cli {

/// The body of "dispatch.batch". A job without "id" has that of the batch and its number, so that
/// the same file again is the same batch; one without "node" and "needs" needs what its spec says.
/// JSON with comments. `invalid` with every fault, each as its line.
Result<json::Object> read_batch_file(const std::string& file);
/// Of one text.
Result<json::Object> read_batch(std::string_view text, const std::string& file);

}  // namespace drover::cli
