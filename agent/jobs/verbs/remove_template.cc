// image.remove of a template of Proxmox. No container is in the way: a guest has its own copy.
#include <algorithm>

#include "agent/jobs/verbs/images.h"
#include "agent/jobs/verbs/verbs.h"
#include "proxmox/file_digest.h"

namespace drover::jobs {
namespace {

/// Only what this node has pulled is its own.
Result<ImageRow> require_own(Journal& journal, const Node& node, const std::string& name) {
  std::optional<ImageRow> row = TRY(journal.image(name));
  if (!row) {
    return fail(Code::not_found,
                "remove image {}: node {} has pulled no such template; one that somebody else has "
                "put on a storage is his to remove (pvesm free {})",
                name, node.name, name);
  }
  return std::move(*row);
}

/// Whether it is still there and what this node has pulled; `conflict` when it is another by now.
Result<bool> is_there_unchanged(proxmox::Templates& templates,
                                const proxmox::TemplateVolume& volume, const ImageRow& row,
                                const system::Stop& stop) {
  const auto info = TRY(templates.find(volume, stop));
  if (!info) {
    return false;
  }
  bool same = info->size_bytes == row.bytes;
  if (same) {
    const Result<std::string> sum = proxmox::sha256_of_path(info->path, stop);
    if (!sum && sum.error().code == Code::not_found) {
      return false;
    }
    same = "sha256:" + TRY(sum) == row.digest;
  }
  if (!same) {
    return fail(Code::conflict,
                "remove image {}: its content is not what this node has pulled ({}), so somebody "
                "else has put another in its place, which is his to remove (pvesm free {}); once "
                "it is gone, this removes the name",
                row.name, row.digest, row.name);
  }
  return true;
}

/// The file and the name; a name that is struck off was struck after its file had gone.
Result<> remove_own(Work& work, proxmox::Templates& templates,
                    const proxmox::TemplateVolume& volume) {
  std::optional<ImageRow> row;
  TRY(work.write([&](Books& books) -> Result<> {
    row = TRY(books.journal().image(work.request().target));
    return {};
  }));
  if (!row) {
    return {};
  }
  if (TRY(is_there_unchanged(templates, volume, *row, work.stop()))) {
    // What is given up on in the middle may be done all the same.
    TRY(templates.remove(volume, work.agent_stop()));
  }
  return work.write(
      [&](Books& books) { return write_removed(books, *row, work.request().id.str()); });
}

}  // namespace

Result<json::Value> remove_template(Work& work, const Node& node) {
  const JobRequest& request = work.request();
  const auto volume = TRY(proxmox::TemplateVolume::parse(request.target));
  proxmox::Templates* templates = TRY(node.all_templates());
  work.plan(2);
  // Kept, because a later run of the job may find the name struck off.
  const json::Value digest =
      TRY(work.once({.name = "image.look", .act = [&]() -> Result<json::Value> {
                       std::string found;
                       TRY(work.write([&](Books& books) -> Result<> {
                         found = TRY(require_own(books.journal(), node, request.target)).digest;
                         return {};
                       }));
                       return json::Value(std::move(found));
                     }}));
  TRY(work.once({.name = "image.remove", .act = [&]() -> Result<json::Value> {
                   TRY(remove_own(work, *templates, volume));
                   return json::Value();
                 }}));
  return json::Value(json::Object{{"digest", digest}});
}

Result<> undo_remove_template(Work& work, const Node& node) {
  const JobRequest& request = work.request();
  const auto volume = TRY(proxmox::TemplateVolume::parse(request.target));
  const std::vector<StepRow> steps = TRY(work.steps(request.id.str()));
  const bool begun = std::any_of(steps.begin(), steps.end(),
                                 [](const StepRow& row) { return row.name == "image.remove"; });
  if (!begun) {
    return {};
  }
  proxmox::Templates* templates = TRY(node.all_templates());
  if (TRY(templates->find(volume, work.agent_stop()))) {
    return {};
  }
  return work.write([&](Books& books) -> Result<> {
    const auto row = TRY(books.journal().image(request.target));
    return row ? write_removed(books, *row, request.id.str()) : Result<>();
  });
}

}  // namespace drover::jobs
