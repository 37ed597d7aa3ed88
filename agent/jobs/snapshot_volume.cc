#include "agent/jobs/standing_volumes.h"
#include "agent/jobs/verbs.h"

namespace drover::jobs {

// A snapshot is a volume of its own that begins as a copy: it is mounted, grown and deleted like
// any other, on every storage (docs/decisions/0021-snapshots-are-volumes.md).
Result<json::Value> snapshot_volume(Work& work, const Node& node) {
  const JobRequest& request = work.request();
  const std::string job = request.id.str();
  const VolumeRow row =
      TRY(hold_volume(work, Users::at_rest, [&](Books& books, const VolumeRow& origin) -> Result<> {
        if (const auto known = TRY(books.journal().volume(request.options.snapshot))) {
          return fail(Code::conflict,
                      "snapshot volume {}: there is a volume {} (made by job {}); choose another "
                      "name",
                      origin.name, known->name, known->job);
        }
        return books.journal().put_volume(VolumeRow{.name = request.options.snapshot,
                                                    .storage = origin.storage,
                                                    .size_mib = origin.size_mib,
                                                    .origin = origin.name,
                                                    .job = job,
                                                    .busy = job,
                                                    .created_at = work.clock().unix_ms()});
      }));
  VolumeRow copy;
  TRY(work.write([&](Books& books) -> Result<> {
    copy = TRY(books.journal().volume(request.options.snapshot)).value_or(VolumeRow{});
    return {};
  }));
  const runtimes::Volume origin = TRY(made_volume(row));
  work.plan(4);
  TRY(put_to_rest(work, node, row));
  const runtimes::Volume made = TRY(allocate_standing(work, node, copy));
  runtimes::VolumeSource* source = TRY(node.volumes(row.storage));
  TRY(work.once({.name = "volume.copy", .act = [&]() -> Result<json::Value> {
                   TRY(runtimes::copy_volume(origin, made, work.stop()));
                   // A copy with holes has let go of what was reserved for it.
                   if (made.kind == runtimes::VolumeKind::image) {
                     TRY(source->grow(made, copy.size_mib, work.stop()));
                   }
                   return json::Value();
                 }}));
  copy.volume = json::write(runtimes::to_json(made));
  TRY(keep_volume_record(node.layout, copy));
  TRY(work.write([&](Books& books) -> Result<> {
    TRY(finish_volume(books, job, copy, "created", {{"origin", row.name}}));
    return finish_volume(books, job, row, "");
  }));
  return json::Value(json::Object{{"volume", row.name}, {"snapshot", copy.name}, {"id", made.id}});
}

}  // namespace drover::jobs
