// Limits of an LXC container that is there.
#include "runtimes/lxc/lxc_config.h"
#include "runtimes/lxc/lxc_runtime.h"
#include "runtimes/oci/bundle.h"
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
    for (const auto& [key, value] : lxc_limits(whole)) {
      TRY(lxc_set_cgroup(layout_.lxc(), name.str(), key, value, stop));
    }
  }
  // For its next start.
  Spec spec = TRY(read_bundle(home(name)));
  set_limits(spec, whole);
  return write_config(container, spec);
}

}  // namespace drover::runtimes
