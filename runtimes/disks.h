// Disks: what a container's root and volumes lie on, where a runtime can make them larger.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "agent/core/container_spec.h"
#include "agent/system/stop.h"
#include "runtimes/container.h"

namespace drover::runtimes {

/// In MiB, what is less than one left away.
struct DiskSizes {
  std::uint64_t root = 0;                        ///< 0: nobody says
  std::map<std::string, std::uint64_t> volumes;  ///< by their names in the spec
};

/// Takes them into a spec, in place of what was asked for.
void take_in(const DiskSizes& sizes, ContainerSpec& spec);

/// The same rules as for Runtime's verbs hold.
class Disks {
 public:
  virtual ~Disks() = default;

  /// Makes a volume, or the root disk ("") `size_mib` large and its file system with it, also while
  /// its program runs. One that is so already is success; `refused` when it has more, because
  /// nothing shrinks. On `stop` it goes on by itself, and `settle` waits for it.
  virtual Result<> grow(const Container& container, const std::string& volume,
                        std::uint64_t size_mib, const system::Stop& stop) = 0;
  /// Of a growth that was begun, and whose end nobody has seen: `broken` when the disk has grown
  /// and its file system has not. What has not grown is success.
  virtual Result<> check_grown(const Container& container, const std::string& volume,
                               std::uint64_t size_mib, const system::Stop& stop) = 0;
  /// As they are now, whoever has made them so.
  virtual Result<DiskSizes> disk_sizes(const Container& container, const system::Stop& stop) = 0;
};

}  // namespace drover::runtimes
