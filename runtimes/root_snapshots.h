// RootSnapshots: snapshots of containers whose roots are overlays of the node: those of runc, crun
// and lxc.
//
// What such a container has changed of its image is one folder, its overlay's upper layer. A
// snapshot is a copy of that: by reflink where the file system shares blocks (btrfs, xfs), else as
// large as the changes are (docs/decisions/0048-snapshots-of-roots.md). So it has neither volumes
// nor limits. Below Layout::snapshots:
//
//   NAME/snapshot.json  its job, when it was taken and of which root
//   NAME/upper/         the copy
//   current             the name of the one that the root comes from
//   .new/               one that is being taken; with "held" in it while the program is frozen
//   .rollback/          what a rollback puts in place of the upper layer, and that one afterwards
//   .gone/              one that is being removed
//
// What begins with a dot is of a verb that an agent's end has broken off, which the next agent does
// again; every verb clears it away before, and it goes with the container's folder.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtimes/layout.h"
#include "runtimes/runtime.h"

namespace drover::runtimes {

class RootSnapshots final : public Snapshots {
 public:
  /// `runtime` outlives it.
  RootSnapshots(Runtime& runtime, Layout layout) : runtime_(runtime), layout_(std::move(layout)) {}

  /// Frozen while it is copied, as the files of one snapshot belong together; one that is paused
  /// stays so.
  Result<> take_snapshot(const Container& container, const std::string& name, const JobId& job,
                         const Stop& stop) override;
  Result<bool> has_taken(const Container& container, const std::string& name, const JobId& job,
                         const Stop& stop) override;
  /// Leaves the root unmounted, and one that was not started unmade: whoever starts it next does
  /// both. `conflict` for one of another image's root.
  Result<std::optional<Exit>> roll_back(const Container& container, const std::string& name,
                                        const Stop& stop) override;
  Result<> remove_snapshot(const Container& container, const std::string& name,
                           const Stop& stop) override;
  /// They stay as they are in a rollback.
  Result<Resources> limits(const Container& container, const Stop& stop) override;
  Result<std::vector<Snapshot>> list_snapshots(const Container& container,
                                               const Stop& stop) override;

 private:
  Path upper_of(const Container& container) const {
    return layout_.root_layers(container.name, container.layers) / "upper";
  }
  /// Of a verb that was broken off.
  Result<> clear_away(const Container& container, const Stop& stop);
  /// Copies its changes into `folder`, with its program frozen meanwhile.
  Result<> copy_held(const Container& container, const Path& folder, const Stop& stop);
  Result<> let_go(const Container& container, const Stop& stop);
  /// Stopped where its runtime does not have it.
  Result<Status> status_of(const Container& container, const Stop& stop);
  /// `changes` become its upper layer, and that one stands in their place.
  Result<> put_in_place(const Container& container, const Path& changes, const Stop& stop);

  Runtime& runtime_;
  Layout layout_;
};

}  // namespace drover::runtimes
