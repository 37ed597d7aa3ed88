#include "runtimes/copy_source.h"

#include <utility>

#include "agent/core/snapshot_name.h"

namespace drover::runtimes {
namespace {

constexpr std::string_view kContainer = "container:";

}  // namespace

bool names_container(std::string_view image) {
  // A storage of Proxmox may have that name, too; its volumes have a slash.
  return image.starts_with(kContainer) && image.find('/') == std::string_view::npos;
}

Result<CopySource> read_copy_source(std::string_view image) {
  if (!names_container(image)) {
    return fail(Code::invalid, "\"{}\" is not container:NAME or container:NAME@SNAPSHOT", image);
  }
  image.remove_prefix(kContainer.size());
  const std::size_t at = image.find('@');
  ContainerName name = TRY(ContainerName::parse(image.substr(0, at)));
  CopySource source{std::move(name), ""};
  if (at != std::string_view::npos) {
    source.snapshot = image.substr(at + 1);
    TRY(check_snapshot_name(source.snapshot));
  }
  return source;
}

}  // namespace drover::runtimes
