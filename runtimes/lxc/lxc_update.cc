// Limits of an LXC container that is there.
#include "runtimes/lxc/lxc_limits.h"
#include "runtimes/lxc/lxc_runtime.h"
#include "runtimes/oci/bundle.h"
#include "runtimes/oci/group_limits.h"
#include "runtimes/resources_held.h"

namespace drover::runtimes {

Result<> LxcRuntime::update(const Container& container, const Resources& limits, const Stop& stop) {
  const ContainerName& name = container.name;
  const State now =
      TRY(require(container, "update",
                  {Status::created, Status::running, Status::paused, Status::stopped}, stop));
  const Resources whole = whole_limits(limits, bundle_options());
  if (now.pid != 0) {
    TRY(check_held(name.str(), now.pid, whole));
    json::Value resources(limits_of(whole));
    resources.object()->set("blockIO", TRY(block_io_of(whole.io)));
    for (const auto& [key, value] : limits_of_running(resources, has_unified_cgroups())) {
      TRY(lxc_set_cgroup(layout_.lxc(), name.str(), key, value, stop));
    }
    // What of disks and CPUs is bounded no more.
    TRY(set_group_limits(now.pid, whole).context("update container " + name.str()));
  }
  // For its next start.
  Spec spec = TRY(read_bundle(home(name)));
  set_limits(spec, whole);
  spec.set({"linux", "resources", "blockIO"}, TRY(block_io_of(whole.io)));
  return write_config(container, spec);
}

}  // namespace drover::runtimes
