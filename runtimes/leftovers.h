// Leftovers: what lies in the node's own folders for containers, whether these exist or not.
#pragma once

#include <string>
#include <vector>

#include "agent/core/result.h"
#include "runtimes/layout.h"

namespace drover::runtimes {

/// A file, folder or mount of the node's own. It carries no stamp of a job: the name of its
/// container is all that it tells. What is named as no container can be is not ours and left out.
struct Leftover {
  Path path;
  std::string container;
};

/// Everything mounted below Layout::containers(), views() and user_namespaces() in this mount
/// namespace, the deepest first.
Result<std::vector<Leftover>> container_mounts(const Layout& layout);
/// Layout::container(NAME), LXC's own below Layout::lxc(), and Layout::view(NAME).
Result<std::vector<Leftover>> container_folders(const Layout& layout);
Result<std::vector<Leftover>> exit_files(const Layout& layout);
/// Layout::pid_file(NAME) and those whose name goes on behind a dot: of monitors and of programs
/// run inside.
Result<std::vector<Leftover>> pid_files(const Layout& layout);
/// Folders Layout::job_logs()/ID by the job's id.
Result<std::vector<std::string>> job_logs(const Layout& layout);

}  // namespace drover::runtimes
