#include "agent/jobs/verbs/standing_volumes.h"
#include "agent/jobs/verbs/verbs.h"

namespace drover::jobs {
namespace {

/// The row of the new volume, written; that of an earlier run of the job.
Result<VolumeRow> begin_volume(Work& work, const Node& node) {
  const JobRequest& request = work.request();
  const std::string job = request.id.str();
  VolumeRow row{.name = request.target,
                .storage = request.options.storage.empty() ? node.config.storage.default_storage
                                                           : request.options.storage,
                .size_mib = request.options.size_mib,
                .job = job,
                .busy = job,
                .created_at = work.clock().unix_ms()};
  TRY(work.write([&](Books& books) -> Result<> {
    const std::optional<VolumeRow> known = TRY(books.journal().volume(row.name));
    if (known && known->job != job) {
      return fail(Code::conflict,
                  "create volume {}: there is one of that name (made by job {}); choose another, "
                  "or delete that one",
                  row.name, known->job);
    }
    if (known) {
      row = *known;
      return {};
    }
    return books.journal().put_volume(row);
  }));
  return row;
}

}  // namespace

Result<json::Value> create_volume(Work& work, const Node& node) {
  VolumeRow row = TRY(begin_volume(work, node));
  work.plan(2);
  const runtimes::Volume volume = TRY(allocate_standing(work, node, row));
  runtimes::VolumeSource* source = TRY(node.volumes(row.storage));
  TRY(work.once({.name = "volume.format", .act = [&]() -> Result<json::Value> {
                   const runtimes::Volume active = TRY(source->activate(volume, work.stop()));
                   TRY(runtimes::format_volume(active, work.stop()));
                   return json::Value();
                 }}));
  keep_true_size(row, volume);
  row.volume = json::write(runtimes::to_json(volume));
  TRY(keep_volume_record(node.layout, row));
  TRY(work.write([&](Books& books) { return finish_volume(books, row.job, row, "created"); }));
  return json::Value(json::Object{{"volume", row.name},
                                  {"storage", row.storage},
                                  {"size_mib", row.size_mib},
                                  {"id", volume.id}});
}

}  // namespace drover::jobs
