// Standing volumes: those that a job volume.create or volume.snapshot has made and that outlive
// containers. The journal knows them by name, and containers' specs name them as VolumeSpec::from.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/jobs/journal/journal.h"
#include "agent/jobs/journal/volume_records.h"
#include "agent/jobs/node.h"
#include "agent/jobs/work.h"

namespace drover::jobs {

/// In place of a container's name in a standing volume's name on its storage.
const ContainerName& standing_owner();

struct VolumeUser {
  std::string container;
  std::string mount;  ///< VolumeSpec::name: what the container calls it
  bool read_only;
  bool at_rest;  ///< it has stopped, and nobody wants it running
};
/// By the volume's name; users by container. Loop's thread, as all that takes a journal.
Result<std::map<std::string, std::vector<VolumeUser>>> volume_users(Journal& journal);

/// Whether the container may have the standing volumes of its spec now. `not_found`: there is none
/// of that name; `conflict`: another container has it, and one of them writes; `unavailable`: a job
/// works on it.
Result<> admit_standing_volumes(Journal& journal, const std::string& container,
                                const ContainerSpec& spec);

/// What the storage of a standing volume is told of it.
VolumeSpec spec_of(const VolumeRow& row);

/// The volume as its storage has made it.
Result<runtimes::Volume> made_volume(const VolumeRow& row);

/// Which containers may have a volume while a job works on it.
enum class Users {
  none,
  /// All that have it have stopped, unless its storage copies it at one instant: then it is copied
  /// whole also while they write.
  at_rest_to_copy,
  any,
};
/// Takes the standing volume that the job is about, so that no container begins to use it and no
/// other job works on it; what an earlier run of the job has taken it still has. `not_found`,
/// `conflict` naming who is in the way, `unavailable` while another job works on it. `also` is
/// asked and written in the same transaction.
Result<VolumeRow> hold_volume(Work& work, Users allowed,
                              const std::function<Result<>(Books&, const VolumeRow&)>& also = {});
/// Lets go of a volume that `job` holds, with `row` as what it is now, and tells `what` unless that
/// is "". One that it has let go of before stays as it is. Loop's thread.
Result<> finish_volume(Books& books, const std::string& job, VolumeRow row, const std::string& what,
                       json::Object data = {});

/// The step that makes a new volume of `row` on its storage, empty and without a file system.
Result<runtimes::Volume> allocate_standing(Work& work, const Node& node, const VolumeRow& row);

/// Unmounts it from the containers that have it, which mount it again when they start. Unless one
/// of them may run: then it stays mounted everywhere, and `refused` says why it cannot grow so.
Result<> put_to_rest(Work& work, const Node& node, const VolumeRow& row);

/// A storage rounds sizes up, to extents of LVM for example: the row tells what was made.
void keep_true_size(VolumeRow& row, const runtimes::Volume& made);

/// Takes back what a failed job about a volume has begun.
Result<> undo_volume(Work& work, const Node& node);

}  // namespace drover::jobs
