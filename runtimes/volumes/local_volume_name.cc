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

}  // namespace drover::runtimes
