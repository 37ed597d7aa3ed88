#include <algorithm>
#include <filesystem>
#include <string_view>

#include "agent/jobs/verbs/images.h"
#include "agent/jobs/verbs/verbs.h"

namespace drover::jobs {
namespace {

/// A template is no root of ours, and goes by its name only.
bool fits(const ImageRow& row, const std::string& target) {
  return !proxmox::names_template(row.name) && (row.name == target || row.digest == target);
}

bool is_digest_of_root(const std::string& target, const runtimes::Layout& layout) {
  constexpr std::string_view kAlgorithm = "sha256:";
  std::error_code error;
  return target.starts_with(kAlgorithm) &&
         target.find_first_not_of("0123456789abcdef", kAlgorithm.size()) == std::string::npos &&
         std::filesystem::exists(layout.image_root(target), error);
}

/// The digest that the target names, or is. One without a name is left from a journal that was
/// lost, or from a name that stands for another image by now.
Result<std::string> find_digest(Journal& journal, const Node& node, const std::string& target) {
  const std::vector<ImageRow> rows = TRY(journal.images());
  const auto found = std::find_if(rows.begin(), rows.end(),
                                  [&](const ImageRow& row) { return fits(row, target); });
  if (found != rows.end()) {
    return found->digest;
  }
  if (is_digest_of_root(target, node.layout)) {
    return target;
  }
  return fail(Code::not_found, "remove image {}: node {} has no such image", target, node.name);
}

/// Strikes off the names that the target stands for: itself, or all of a digest. Whether none is
/// left, so that the root may go; `conflict` when containers are in the way of that.
Result<bool> strike_off(Books& books, const Node& node, const JobRequest& request,
                        const std::string& digest) {
  const std::vector<ImageRow> rows = TRY(books.journal().images());
  const bool stays = std::any_of(rows.begin(), rows.end(), [&](const ImageRow& row) {
    return row.digest == digest && !fits(row, request.target);
  });
  const auto users = TRY(image_users(books.journal(), node.layout));
  if (const auto found = users.find(digest); !stays && found != users.end()) {
    return fail(Code::conflict, "remove image {}: in use by {}; delete these containers before",
                request.target, fmt::format("{}", fmt::join(found->second, ", ")));
  }
  for (const ImageRow& row : rows) {
    if (row.digest == digest && fits(row, request.target)) {
      TRY(write_removed(books, row, request.id.str()));
    }
  }
  return !stays;
}

}  // namespace

Result<json::Value> remove_image(Work& work, const Node& node) {
  const JobRequest& request = work.request();
  if (proxmox::names_template(request.target)) {
    return remove_template(work, node);
  }
  work.plan(2);
  // Kept, because a later run of the job may find the name struck off and the root still there.
  const json::Value digest =
      TRY(work.once({.name = "image.look", .act = [&]() -> Result<json::Value> {
                       std::string found;
                       TRY(work.write([&](Books& books) -> Result<> {
                         found = TRY(find_digest(books.journal(), node, request.target));
                         return {};
                       }));
                       return json::Value(std::move(found));
                     }}));
  const auto may_go = [&]() -> Result<bool> {
    bool last = false;
    TRY(work.write([&](Books& books) -> Result<> {
      last = TRY(strike_off(books, node, request, std::string(digest.string_or(""))));
      return {};
    }));
    return last;
  };
  TRY(work.once({.name = "image.remove", .act = [&]() -> Result<json::Value> {
                   TRY(node.images.remove(std::string(digest.string_or("")), may_go, work.stop()));
                   return json::Value();
                 }}));
  return json::Value(json::Object{{"digest", digest}});
}

}  // namespace drover::jobs
