// image.pull of what a client has sent.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "agent/jobs/pushed_archive.h"
#include "agent/jobs/verbs/images.h"
#include "agent/jobs/verbs/verbs.h"
#include "proxmox/file_digest.h"

namespace drover::jobs {
namespace {

Result<> remove_upload(const runtimes::Path& file) {
  return ::unlink(file.c_str()) == 0 || errno == ENOENT
             ? Result<>()
             : fail(Code::broken, "remove {}: {}", file.native(), std::strerror(errno));
}

Result<runtimes::Image> take_upload(Work& work, const Node& node, const PushedArchive& archive) {
  const std::string& target = work.request().target;
  system::UniqueFd file(::open(archive.file.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!file.valid()) {
    return fail(errno == ENOENT ? Code::not_found : Code::broken,
                "pull image {}: its upload {} is not here (any more): drover image push sends it "
                "again",
                target, archive.file.filename().native());
  }
  const std::string sha256 = TRY(proxmox::sha256_of(file.get(), work.stop()));
  if (sha256 != archive.sha256) {
    TRY(remove_upload(archive.file));
    return fail(Code::invalid,
                "pull image {}: what came has the checksum sha256:{}, and not sha256:{}; it is "
                "removed: push the file again",
                target, sha256, archive.sha256);
  }
  return work.rest_while([&] {
    return fetch_image(work, node, archive.reference, std::move(file))
        .context("pull image " + target);
  });
}

}  // namespace

Result<json::Value> pull_pushed(Work& work, const Node& node) {
  const PushedArchive archive = TRY(PushedArchive::read(node.layout, work.request()));
  work.plan(2);
  const json::Value pulled = TRY(
      work.once({.name = "image.pull", .act = [&]() -> Result<json::Value> {
                   TRY(node.images.sweep(work.stop()));
                   runtimes::Image image = TRY(take_upload(work, node, archive));
                   image.reference = work.request().target;
                   const ImageRow row = TRY(name_image(work, image));
                   return json::Value(json::Object{{"digest", row.digest}, {"bytes", row.bytes}});
                 }}));
  // Not before the step is written down, or the next agent would look for it in vain.
  TRY(work.once({.name = "upload.remove", .act = [&]() -> Result<json::Value> {
                   TRY(remove_upload(archive.file));
                   return json::Value();
                 }}));
  return pulled;
}

}  // namespace drover::jobs
