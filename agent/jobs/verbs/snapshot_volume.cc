#include "agent/jobs/verbs/standing_volumes.h"
#include "agent/jobs/verbs/verbs.h"

namespace drover::jobs {
namespace {

json::Value result_of(const JobRequest& request, std::string_view id) {
  return json::Object{
      {"volume", request.target}, {"snapshot", request.options.snapshot}, {"id", id}};
}

/// The result of an earlier run that had come to its end, and whose agent ended before it could say
/// so. Since then both volumes are anybody's, and the snapshot may be deleted, or be another.
Result<std::optional<json::Value>> finished_before(Work& work) {
  const JobRequest& request = work.request();
  if (!work.resumed()) {
    return std::optional<json::Value>();
  }
  const std::vector<StepRow> steps = TRY(work.steps(request.id.str()));
  bool copied = false;
  std::string id;
  for (const StepRow& step : steps) {
    if (step.name == "volume.allocate" && step.state == StepState::done) {
      const json::Value made = TRY(json::parse(step.data));
      id = made.at("id").string_or("");
    }
    copied = copied || (step.name == "volume.copy" && step.state == StepState::done);
  }
  bool held = false;
  TRY(work.write([&](Books& books) -> Result<> {
    held = false;
    for (const std::string& name : {request.target, request.options.snapshot}) {
      const std::optional<VolumeRow> row = TRY(books.journal().volume(name));
      held = held || (row && row->busy == request.id.str());
    }
    return {};
  }));
  return copied && !held ? std::optional(result_of(request, id)) : std::nullopt;
}

}  // namespace

// A snapshot is a volume of its own that begins as a copy: it is mounted, grown and deleted like
// any other, on every storage (docs/decisions/0021-snapshots-are-volumes.md).
Result<json::Value> snapshot_volume(Work& work, const Node& node) {
  work.plan(4);
  const JobRequest& request = work.request();
  const std::string job = request.id.str();
  if (std::optional<json::Value> result = TRY(finished_before(work))) {
    return std::move(*result);
  }
  const VolumeRow row = TRY(hold_volume(
      work, Users::at_rest_to_copy, [&](Books& books, const VolumeRow& origin) -> Result<> {
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
    const std::optional<VolumeRow> known = TRY(books.journal().volume(request.options.snapshot));
    // Nobody else can take away what the job still holds.
    if (!known || known->busy != job) {
      return fail(Code::broken,
                  "snapshot volume {}: its copy {} is gone from the journal; take "
                  "another one",
                  row.name, request.options.snapshot);
    }
    copy = *known;
    return {};
  }));
  const runtimes::Volume origin = TRY(made_volume(row));
  if (!runtimes::is_copied_at_once(origin.kind)) {
    TRY(put_to_rest(work, node, row));
  }
  const runtimes::Volume made = TRY(allocate_standing(work, node, copy));
  runtimes::VolumeSource* source = TRY(node.volumes(row.storage));
  TRY(work.once({.name = "volume.copy", .act = [&]() -> Result<json::Value> {
                   const runtimes::Volume from = TRY(source->activate(origin, work.stop()));
                   runtimes::Volume to = made;
                   // Such a copy stands in the place of what was made for it, which may be gone
                   // when an earlier run was cut off.
                   if (!runtimes::is_copied_at_once(made.kind)) {
                     to = TRY(source->activate(made, work.stop()));
                   }
                   TRY(runtimes::copy_volume(from, to, work.stop()));
                   // A copy with holes has let go of what was reserved for it.
                   if (made.kind == runtimes::VolumeKind::image) {
                     TRY(source->grow(made, copy.size_mib, work.stop()));
                   }
                   return json::Value();
                 }}));
  keep_true_size(copy, made);
  copy.volume = json::write(runtimes::to_json(made));
  TRY(keep_volume_record(node.layout, copy));
  TRY(work.write([&](Books& books) -> Result<> {
    TRY(finish_volume(books, job, copy, "created", {{"origin", row.name}}));
    return finish_volume(books, job, row, "");
  }));
  return result_of(request, made.id);
}

}  // namespace drover::jobs
