#include "runtimes/checkpoints.h"

namespace drover::runtimes {

json::Object to_json(const Checkpoint& checkpoint) {
  return {{"at", checkpoint.at_unix_ms},
          {"bytes", checkpoint.bytes},
          {"left_running", checkpoint.left_running}};
}

}  // namespace drover::runtimes
