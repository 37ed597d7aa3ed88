#include "runtimes/leftovers.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "runtimes/volumes/mount_table.h"

namespace drover::runtimes {
namespace {

/// What is in the folder; nothing when there is no such folder.
Result<std::vector<Path>> entries_of(const Path& folder) {
  std::vector<Path> entries;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    entries.push_back(entry->path());
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return fail(Code::broken, "list {}: {}", folder.native(), error.message());
  }
  return entries;
}

/// "web-1.monitor" belongs to web-1: no container's name has a dot.
std::string container_of(const Path& path) {
  const std::string name = path.filename().native();
  return name.substr(0, name.find('.'));
}

Result<std::vector<Leftover>> named_as_containers(const Path& folder) {
  const std::vector<Path> entries = TRY(entries_of(folder));
  std::vector<Leftover> found;
  for (const Path& path : entries) {
    std::string name = container_of(path);
    if (ContainerName::parse(name)) {
      found.push_back({path, std::move(name)});
    }
  }
  return found;
}

}  // namespace

Result<std::vector<Leftover>> container_mounts(const Layout& layout) {
  const std::string table = TRY(system::read_file("/proc/self/mountinfo"));
  std::vector<std::string> tops;
  for (const Path& folder : {layout.containers(), layout.views(), layout.user_namespaces()}) {
    std::error_code error;
    const Path resolved = std::filesystem::weakly_canonical(folder, error);
    tops.push_back((error ? folder : resolved).native() + "/");
  }
  std::vector<Leftover> found;
  for (const MountPoint& point : parse_mount_table(table)) {
    const std::string& target = point.target.native();
    const auto top = std::find_if(tops.begin(), tops.end(),
                                  [&](const std::string& one) { return target.starts_with(one); });
    if (top == tops.end()) {
      continue;
    }
    std::string name = target.substr(top->size());
    name.resize(std::min(name.find_first_of("/."), name.size()));
    if (ContainerName::parse(name)) {
      found.push_back({point.target, std::move(name)});
    }
  }
  // A mount stands behind the one it lies in, and behind the one it covers.
  std::reverse(found.begin(), found.end());
  return found;
}

Result<std::vector<Leftover>> container_folders(const Layout& layout) {
  std::vector<Leftover> found;
  for (const Path& folder : {layout.containers(), layout.lxc(), layout.views()}) {
    std::vector<Leftover> some = TRY(named_as_containers(folder));
    std::error_code error;
    for (Leftover& leftover : some) {
      if (leftover.path.filename() == leftover.container &&
          std::filesystem::is_directory(std::filesystem::symlink_status(leftover.path, error))) {
        found.push_back(std::move(leftover));
      }
    }
  }
  return found;
}

Result<std::vector<Leftover>> exit_files(const Layout& layout) {
  return named_as_containers(layout.exits());
}

Result<std::vector<Leftover>> pid_files(const Layout& layout) {
  return named_as_containers(layout.pids());
}

Result<std::vector<std::string>> job_logs(const Layout& layout) {
  const std::vector<Path> entries = TRY(entries_of(layout.job_logs()));
  std::vector<std::string> found;
  for (const Path& path : entries) {
    std::string id = path.filename().native();
    if (JobId::parse(id)) {
      found.push_back(std::move(id));
    }
  }
  return found;
}

}  // namespace drover::runtimes
