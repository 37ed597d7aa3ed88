#include "runtimes/volumes/local_inventory.h"

#include <optional>
#include <system_error>

namespace drover::runtimes {
namespace {

/// No container's and no volume's name has a dot, a job's id may.
std::optional<FoundVolume> found_by_name(std::string_view name) {
  const std::size_t first = name.find('.');
  const std::size_t second = first == std::string_view::npos ? first : name.find('.', first + 1);
  if (second == std::string_view::npos || second == first + 1) {
    return std::nullopt;
  }
  const Result<ContainerName> container = ContainerName::parse(name.substr(0, first));
  const Result<JobId> job = JobId::parse(name.substr(second + 1));
  return container && job ? std::optional(FoundVolume{"", "", container->str(), job->str()})
                          : std::nullopt;
}

}  // namespace

Result<std::vector<FoundVolume>> local_inventory(const Path& folder, const std::string& storage,
                                                 std::filesystem::file_type type,
                                                 std::string_view ending) {
  std::vector<FoundVolume> all;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    std::string name = entry->path().filename();
    std::error_code gone;
    if (!name.ends_with(ending) || entry->symlink_status(gone).type() != type) {
      continue;
    }
    name.resize(name.size() - ending.size());
    if (std::optional<FoundVolume> found = found_by_name(name)) {
      found->storage = storage;
      found->id = entry->path();
      all.push_back(std::move(*found));
    }
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return fail(Code::broken, "list {}: {}", folder.native(), error.message());
  }
  return all;
}

}  // namespace drover::runtimes
