#include "runtimes/disks.h"

namespace drover::runtimes {

void take_in(const DiskSizes& sizes, ContainerSpec& spec) {
  if (sizes.root != 0) {
    spec.resources.disk_mib = sizes.root;
  }
  for (VolumeSpec& volume : spec.volumes) {
    if (const auto found = sizes.volumes.find(volume.name); found != sizes.volumes.end()) {
      volume.size_mib = found->second;
    }
  }
}

}  // namespace drover::runtimes
