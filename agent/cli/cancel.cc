// drover cancel: ends jobs before their time; what they have made is taken back.
#include <CLI/App.hpp>

#include "agent/cli/job_command.h"

namespace drover::cli {

void add_cancel(CLI::App& app, Action& action) {
  add_job_command(app, action,
                  {"cancel", "Cancel jobs that wait or run; what they have made is taken back",
                   Verb::job_cancel},
                  std::make_shared<JobArguments>(), "ID", "Jobs");
}

}  // namespace drover::cli
