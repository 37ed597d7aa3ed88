#include "runtimes/volumes/local_volume_name.h"

#include "agent/core/ids.h"

namespace drover::runtimes {

std::optional<LocalVolumeName> LocalVolumeName::parse(std::string_view text) {
  const std::size_t first = text.find('.');
  const std::size_t second = text.find('.', first == std::string_view::npos ? first : first + 1);
  if (second == std::string_view::npos || second == first + 1) {
    return std::nullopt;
  }
  const Result<ContainerName> container = ContainerName::parse(text.substr(0, first));
  const Result<JobId> job = JobId::parse(text.substr(second + 1));
  if (!container || !job) {
    return std::nullopt;
  }
  return LocalVolumeName{container->str(), std::string(text.substr(first + 1, second - first - 1)),
                         job->str()};
}

Result<FoundVolumes> find_local_volumes(const Path& folder, const std::string& storage,
                                        std::filesystem::file_type type, std::string_view prefix,
                                        const system::Stop& stop) {
  TRY(stop.check("list " + folder.native()));
  FoundVolumes all{{}, {storage}};
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string text = entry->path().filename();
    if (!text.starts_with(prefix) || entry->symlink_status().type() != type) {
      continue;
    }
    if (const auto name = LocalVolumeName::parse(std::string_view(text).substr(prefix.size()))) {
      all.volumes.push_back({storage, entry->path(), name->container, name->job});
    }
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return fail(Code::broken, "list {}: {}", folder.native(), error.message());
  }
  return all;
}

Result<> check_local_volume(const Volume& volume, const Path& folder, std::string_view prefix) {
  const std::string name = volume.path.filename();
  const bool is_name = !name.empty() && name != "." && name != "..";
  return is_name && volume.path.parent_path() == folder && name.starts_with(prefix)
             ? Result<>()
             : fail(Code::refused, "{} is no volume of storage {} below {}", volume.path.native(),
                    volume.storage, folder.native());
}

}  // namespace drover::runtimes
