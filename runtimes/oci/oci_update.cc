// Limits of a runc or crun container that is there.
#include "runtimes/oci/group_limits.h"
#include "runtimes/oci/oci_runtime.h"
#include "runtimes/resources_held.h"

namespace drover::runtimes {
namespace {

/// What the runtimes take for "no limit" where a bundle says nothing.
json::Object with_unlimited(json::Object limits, bool swap) {
  const auto fill = [&limits](std::string_view key, json::Object unlimited) {
    if (limits.find(key) == nullptr) {
      limits.set(key, std::move(unlimited));
    }
  };
  json::Object memory{{"limit", -1}};
  if (swap) {
    memory.set("swap", -1);
  }
  fill("memory", std::move(memory));
  // Not -1: crun 1.8 writes these as numbers without a sign, which the kernel does not take. As
  // many cores as a job may ask for, and as many processes as the kernel can number, are as good.
  if (limits.find("cpu") == nullptr) {
    limits.set("cpu", json::Object());
  }
  json::Object& cpu = *limits.find("cpu")->object();
  if (cpu.find("quota") == nullptr) {
    cpu.set("period", 100'000);
    cpu.set("quota", 102'400'000);
  }
  fill("pids", {{"limit", 4'194'304}});
  return limits;
}

}  // namespace

Result<> OciRuntime::update(const Container& container, const Resources& limits, const Stop& stop) {
  const ContainerName& name = container.name;
  const LiveState now =
      TRY(require(container, "update",
                  {Status::created, Status::running, Status::paused, Status::stopped}, stop));
  if (now.status == Status::stopped) {
    return {};  // it is made anew when it is started
  }
  const Resources whole = whole_limits(limits, bundle_options());
  TRY(check_held(name.str(), now.pid, whole));
  json::Object given = limits_of(whole);
  given.erase("hugepageLimits");  // set_group_limits does
  if (whole.io.weight != 0) {
    given.set("blockIO", json::Object{{"weight", whole.io.weight}});
  }
  // By a file, which both read alike.
  const Path file = layout_.bundle(name) / "limits.json";
  TRY(system::write_unsynced(file, json::write(with_unlimited(std::move(given), can_limit_swap())),
                             0600));
  TRY(act(container, {"update", "--resources", file.native(), name.str()}, stop));
  return set_group_limits(group_folders(now.pid), whole).context("update container " + name.str());
}

}  // namespace drover::runtimes
