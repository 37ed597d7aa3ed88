// The steps of jobs about standing volumes, and their undo.
#include <algorithm>

#include "agent/jobs/node_turns.h"
#include "agent/jobs/verbs/standing_volumes.h"
#include "runtimes/user_view.h"
#include "runtimes/volumes/in_use.h"

namespace drover::jobs {
namespace {

using runtimes::Volume;

Result<std::optional<json::Value>> find_standing(Work& work, const Node& node,
                                                 const VolumeRow& row) {
  runtimes::VolumeSource* source = TRY(node.volumes(row.storage));
  const JobId job = TRY(JobId::parse(row.job));
  const Result<Volume> found = source->find(standing_owner(), job, spec_of(row), work.stop());
  if (!found) {
    return found.error().code == Code::not_found ? Result<std::optional<json::Value>>(std::nullopt)
                                                 : Failure(found.error());
  }
  return std::optional(runtimes::to_json(*found));
}

/// Of a job that has made a volume: frees what it has allocated.
Result<> undo_allocation(Work& work, const Node& node, const VolumeRow& row) {
  runtimes::VolumeSource* source = TRY(node.volumes(row.storage));
  const std::vector<StepRow> steps = TRY(work.steps(work.request().id.str()));
  for (const StepRow& step : steps) {
    if (step.name != "volume.allocate" || step.state == StepState::undone) {
      continue;
    }
    json::Value made = TRY(json::parse(step.data));
    if (made.is_null()) {
      const JobId job = TRY(JobId::parse(row.job));
      const Result<Volume> found =
          source->find(standing_owner(), job, spec_of(row), work.agent_stop());
      if (!found && found.error().code != Code::not_found) {
        return Failure(found.error());
      }
      made = found ? runtimes::to_json(*found) : json::Value();
    }
    if (!made.is_null()) {
      const Volume volume = TRY(runtimes::volume_from_json(made));
      const Turns::Turn turn =
          TRY(work.take_turn(turn_of_storage(node, row.storage), work.agent_stop()));
      TRY(source->release(volume, work.agent_stop()));
    }
    TRY(work.step_undone(step));
  }
  return {};
}

}  // namespace

Result<Volume> allocate_standing(Work& work, const Node& node, const VolumeRow& row) {
  runtimes::VolumeSource* source = TRY(node.volumes(row.storage));
  const JobId job = TRY(JobId::parse(row.job));
  Step allocate{.name = "volume.allocate", .subject = row.name};
  allocate.act = [&]() -> Result<json::Value> {
    const Volume volume = TRY(source->allocate(standing_owner(), job, spec_of(row), work.stop()));
    return runtimes::to_json(volume);
  };
  allocate.find = [&] { return find_standing(work, node, row); };
  allocate.needs = turn_of_storage(node, row.storage);
  const json::Value made = TRY(work.once(allocate));
  return runtimes::volume_from_json(made);
}

Result<> put_to_rest(Work& work, const Node& node, const VolumeRow& row) {
  const Volume volume = TRY(made_volume(row));
  TRY(work.once({.name = "volume.rest", .act = [&]() -> Result<json::Value> {
                   std::vector<VolumeUser> users;
                   TRY(work.write([&](Books& books) -> Result<> {
                     auto all = TRY(volume_users(books.journal()));
                     users = std::move(all[row.name]);
                     return {};
                   }));
                   // Nobody starts what is at rest while the job holds the volume.
                   if (!std::all_of(users.begin(), users.end(),
                                    [](const VolumeUser& user) { return user.at_rest; })) {
                     TRY(runtimes::check_grows_mounted(volume));
                     return json::Value();
                   }
                   for (const VolumeUser& user : users) {
                     const ContainerName name = TRY(ContainerName::parse(user.container));
                     TRY(runtimes::remove_view(node.layout, name));
                     TRY(runtimes::unmount_volume(node.layout.volume_mount(name, user.mount),
                                                  work.stop()));
                   }
                   TRY(runtimes::wait_until_free(volume, work.clock(), work.stop()));
                   return json::Value();
                 }}));
  return {};
}

Result<> undo_volume(Work& work, const Node& node) {
  const std::string job = work.request().id.str();
  std::vector<VolumeRow> held;
  TRY(work.write([&](Books& books) -> Result<> {
    held = TRY(books.journal().volumes());
    std::erase_if(held, [&](const VolumeRow& row) { return row.busy != job; });
    return {};
  }));
  Result<> first;
  for (const VolumeRow& row : held) {
    if (row.job != job) {
      TRY(work.write([&](Books& books) { return finish_volume(books, job, row, ""); }));
      continue;
    }
    Result<> undone = undo_allocation(work, node, row);
    TRY(work.agent_stop().check("take back volume " + row.name));
    // What could not be freed is in no row from here on: a look finds it, tells it and takes it
    // away, and nobody waits for the name until then.
    TRY(drop_volume_record(node.layout, row.name));
    TRY(work.write([&](Books& books) { return books.journal().erase_volume(row.name); }));
    if (!undone && first) {
      first = std::move(undone);
    }
  }
  return first;
}

}  // namespace drover::jobs
