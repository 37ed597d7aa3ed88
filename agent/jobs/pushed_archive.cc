#include "agent/jobs/pushed_archive.h"

#include <algorithm>

#include "agent/core/image_reference.h"

namespace drover::jobs {
namespace {

constexpr std::string_view kChecksum = "sha256:";

}  // namespace

std::string upload_name(std::string_view sha256, std::string_view sender) {
  return fmt::format("{}.{}", sha256, sender);
}

Result<PushedArchive> PushedArchive::read(const runtimes::Layout& layout,
                                          const JobRequest& request) {
  const std::string& from = request.options.from;
  const std::string& checksum = request.options.checksum;
  const auto wrong = [&](std::string_view why) {
    return fail(Code::invalid,
                "pull image {}: {}; `drover image push` sends one, and pulls it from there",
                request.target, why);
  };
  if (!is_image_digest(checksum)) {
    return wrong("what was sent has a checksum sha256:HEX");
  }
  PushedArchive archive;
  archive.sha256 = checksum.substr(kChecksum.size());
  const std::size_t colon = std::min(from.find(':'), from.size());
  const std::string kind = from.substr(0, colon);
  const std::string rest = from.substr(std::min(colon + 1, from.size()));
  const std::string name = rest.substr(0, rest.find(':'));
  if ((kind != "oci-archive" && kind != "docker-archive") ||
      !name.starts_with(archive.sha256 + ".") || name.find('/') != std::string::npos) {
    return wrong(
        "its from must be oci-archive:UPLOAD or docker-archive:UPLOAD, the name of an upload with "
        "this checksum, perhaps with a tag behind");
  }
  archive.file = layout.uploads() / name;
  archive.reference = fmt::format("{}:{}", kind, (layout.uploads() / rest).native());
  TRY(parse_image_reference(archive.reference));
  return archive;
}

}  // namespace drover::jobs
