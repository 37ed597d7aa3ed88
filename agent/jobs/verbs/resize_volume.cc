#include "agent/jobs/node_turns.h"
#include "agent/jobs/verbs/standing_volumes.h"
#include "agent/jobs/verbs/verbs.h"

namespace drover::jobs {
namespace {

Result<> check_size(const JobRequest& request, const VolumeRow& row) {
  if (request.options.size_mib >= row.size_mib) {
    return {};
  }
  return fail(Code::refused,
              "resize volume {}: it has {} MiB, and volumes only grow: a file system cannot be cut "
              "off safely; make a smaller one and copy",
              row.name, row.size_mib);
}

}  // namespace

Result<json::Value> resize_volume(Work& work, const Node& node) {
  work.plan(4);
  const JobRequest& request = work.request();
  const std::uint64_t size_mib = request.options.size_mib;
  VolumeRow row = TRY(hold_volume(work, Users::any, [&](Books&, const VolumeRow& found) {
    return check_size(request, found);
  }));
  runtimes::VolumeSource* source = TRY(node.volumes(row.storage));
  runtimes::Volume volume = TRY(made_volume(row));
  TRY(put_to_rest(work, node, row));
  Step grow{.name = "volume.grow"};
  grow.act = [&]() -> Result<json::Value> {
    const std::uint64_t grown = TRY(source->grow(volume, size_mib, work.stop()));
    return json::Value(grown);
  };
  grow.needs = turn_of_storage(node, row.storage);
  const json::Value grown = TRY(work.once(grow));
  // After a failure in between the file system is smaller than its volume, which harms nobody and
  // the next resize makes good.
  Step grow_within{.name = "volume.growfs"};
  grow_within.act = [&]() -> Result<json::Value> {
    const runtimes::Volume active = TRY(source->activate(volume, work.stop()));
    TRY(runtimes::grow_file_system(active, node.layout.growing(row.name), work.stop()));
    return json::Value();
  };
  // It is one thing to grow what is mounted, and another to grow what is not.
  grow_within.needs = turn_of_volume(volume);
  TRY(work.once(grow_within));
  // Storages round up; an agent of an earlier version has written none.
  row.size_mib = static_cast<std::uint64_t>(grown.integer_or(static_cast<std::int64_t>(size_mib)));
  volume.size_mib = row.size_mib;
  row.volume = json::write(runtimes::to_json(volume));
  TRY(keep_volume_record(node.layout, row));
  TRY(work.write(
      [&](Books& books) { return finish_volume(books, request.id.str(), row, "resized"); }));
  return json::Value(json::Object{{"volume", row.name}, {"size_mib", row.size_mib}});
}

}  // namespace drover::jobs
