#include "agent/jobs/node_turns.h"
#include "agent/jobs/verbs/standing_volumes.h"
#include "agent/jobs/verbs/verbs.h"

namespace drover::jobs {

Result<json::Value> delete_volume(Work& work, const Node& node) {
  work.plan(2);
  const Result<VolumeRow> held = hold_volume(work, Users::none);
  if (!held) {
    if (held.error().code == Code::not_found && work.resumed()) {
      return json::Value();
    }
    return Failure(held.error());
  }
  runtimes::VolumeSource* source = TRY(node.volumes(held->storage));
  const runtimes::Volume volume = TRY(made_volume(*held));
  Step release{.name = "volume.release", .subject = held->name};
  release.act = [&]() -> Result<json::Value> {
    TRY(source->release(volume, work.stop()));
    return json::Value();
  };
  release.needs = turn_of_storage(node, held->storage);
  TRY(work.once(release));
  TRY(drop_volume_record(node.layout, held->name));
  TRY(work.write([&](Books& books) -> Result<> {
    TRY(books.journal().erase_volume(held->name));
    return books.tell(Event{.kind = "volume",
                            .object = held->name,
                            .what = "deleted",
                            .job = work.request().id.str(),
                            .data = {{"storage", held->storage}}});
  }));
  return json::Value();
}

}  // namespace drover::jobs
