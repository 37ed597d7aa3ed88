#include "agent/core/image_reference.h"
#include "agent/jobs/node_turns.h"
#include "agent/jobs/verbs/images.h"
#include "agent/jobs/verbs/verbs.h"

namespace drover::jobs {

Result<json::Value> pull_image(Work& work, const Node& node) {
  if (proxmox::names_template(work.request().target)) {
    return pull_template(work, node);
  }
  const ImageReference named = TRY(parse_image_reference(work.request().target));
  if (named.kind == ImageReference::Kind::pushed) {
    return pull_pushed(work, node);
  }
  work.plan(1);
  // Once unpacked it stays: another pull finds it, and whoever is the first to use it names it.
  return work.once(
      {.name = "image.pull",
       .act = [&]() -> Result<json::Value> {
         TRY(node.images.sweep(work.stop()));
         const runtimes::Image image =
             TRY(ensure_image(work, node, work.request().target, Freshness::as_it_is_there));
         const ImageRow row = TRY(name_image(work, image));
         return json::Value(json::Object{{"digest", row.digest}, {"bytes", row.bytes}});
       },
       .needs = turn_of_image(node, work.request().target)});
}

}  // namespace drover::jobs
