// Limits of an LXC container that is there.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <string>

#include "runtimes/lxc/lxc_config.h"
#include "runtimes/lxc/lxc_limits.h"
#include "runtimes/lxc/lxc_runtime.h"
#include "runtimes/oci/bundle.h"
#include "runtimes/oci/group_limits.h"
#include "runtimes/resources_held.h"

namespace drover::runtimes {
namespace {

/// Not by lxc-cgroup(1), which sets the limits of the group of an init below the one that has them.
Result<> set_limit(pid_t pid, const std::string& key, const std::string& value) {
  const std::optional<Path> group = group_of(pid, key.substr(0, key.find('.')));
  if (!group) {
    return fail(Code::conflict, "its first process has ended");
  }
  const Path file = *group / key;
  const system::UniqueFd opened(open(file.c_str(), O_WRONLY | O_CLOEXEC));
  if (!opened.valid() || write(opened.get(), value.data(), value.size()) < 0) {
    return fail(Code::broken, "write \"{}\" to {}: {}", value, file.native(), std::strerror(errno));
  }
  return {};
}

}  // namespace

Result<> LxcRuntime::update(const Container& container, const Resources& limits, const Stop& stop) {
  const ContainerName& name = container.name;
  const State now =
      TRY(require(container, "update",
                  {Status::created, Status::running, Status::paused, Status::stopped}, stop));
  const Resources whole = whole_limits(limits, bundle_options());
  // For its next start, and refused before anything has changed.
  Spec spec = TRY(read_bundle(home(name)));
  set_limits(spec, whole);
  spec.set({"linux", "resources", "blockIO"}, TRY(block_io_of(whole.io)));
  TRY(make_lxc_config(container, spec, options_.monitor_program, home(name)));
  if (now.pid != 0) {
    TRY(check_held(name.str(), now.pid, whole));
    json::Value resources(limits_of(whole));
    resources.object()->set("blockIO", TRY(block_io_of(whole.io)));
    for (const auto& [key, value] : limits_of_running(resources, has_unified_cgroups())) {
      TRY(set_limit(now.pid, key, value).context("update container " + name.str()));
    }
    // What of disks and CPUs is bounded no more.
    TRY(set_group_limits(group_folders(now.pid), whole).context("update container " + name.str()));
  }
  return write_config(container, spec);
}

}  // namespace drover::runtimes
