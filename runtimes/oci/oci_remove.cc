#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "runtimes/oci/cgroup.h"
#include "runtimes/oci/checkpoint_folder.h"
#include "runtimes/oci/network_lock.h"
#include "runtimes/oci/oci_runtime.h"
#include "runtimes/oci/pid_file.h"
#include "runtimes/oci/wait_for.h"

namespace drover::runtimes {
namespace {

constexpr std::chrono::seconds kEndTime{10};
constexpr std::chrono::seconds kRemovedMonitorTime{10};

/// Kills the process that `pid_file` names, if it is one of the container's still.
Result<> end_process_in(const Path& pid_file, const ContainerName& name, const Stop& stop) {
  const system::UniqueFd process = open_in(pid_file);
  const pid_t pid = pid_in(pid_file);
  if (!process.valid() || !is_in_cgroup(pid, name)) {
    return {};
  }
  syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0U);
  if (!TRY(wait_for(process.get(), stop, std::chrono::steady_clock::now() + kEndTime))) {
    return fail(Code::unavailable, "its process {} does not end by SIGKILL", pid);
  }
  return {};
}

}  // namespace

Result<> OciRuntime::remove(const Container& container, bool force, const Stop& stop) {
  if (!force) {
    const Result<LiveState> now =
        require(container, "delete", {Status::created, Status::stopped}, stop);
    if (!now && now.error().code != Code::not_found) {
      return Failure(now.error());
    }
  }
  return take_away(container.name, stop)
      .context(fmt::format("delete container {}", container.name.str()));
}

Result<> OciRuntime::end_processes(const ContainerName& name, const Stop& stop) const {
  const Result<std::optional<LiveState>> now = ask_live_state(runtime_, name.str(), stop);
  if (now && now->has_value()) {
    const system::UniqueFd first = TRY(open_first_process(name, stop));
    if (!first.valid()) {
      return {};
    }
    syscall(SYS_pidfd_send_signal, first.get(), SIGKILL, nullptr, 0U);
    if ((*now)->status == Status::paused) {
      (void)runtime_.run({"resume", name.str()}, stop).has_value();
    }
    if (!TRY(wait_for(first.get(), stop, std::chrono::steady_clock::now() + kEndTime))) {
      return fail(Code::unavailable, "its process does not end by SIGKILL");
    }
    return {};
  }
  if (!now && now.error().code != Code::broken) {
    return Failure(now.error());
  }
  if (monitor_.is_alive(name)) {
    // It is in the midst of creating it, for an agent that has ended since. The runtime's process
    // ends with it, wherever it was.
    TRY(monitor_.end(name, stop, std::chrono::milliseconds(0)));
    TRY(end_process_in(layout_.pid_file(name), name, stop));
    TRY(remove_cgroup(cgroup_path_of(name, options_.systemd_cgroup), stop));
    return {};
  }
  // A runtime that cannot say what it has may still have left it running.
  return now ? Result<>() : end_process_in(layout_.pid_file(name), name, stop);
}

Result<> OciRuntime::take_away(const ContainerName& name, const Stop& stop) const {
  TRY(end_processes(name, stop));
  const Result<std::optional<LiveState>> now = ask_live_state(runtime_, name.str(), stop);
  if (!now && now.error().code != Code::broken) {
    return Failure(now.error());
  }
  if (now && now->has_value()) {
    TRY(runtime_.run({"delete", name.str()}, stop));
  } else if (!now) {
    // Half made: the runtime has a folder that it cannot read itself. It clears away what it can.
    (void)runtime_.run({"delete", "--force", name.str()}, stop).has_value();
    TRY(system::remove_tree(runtime_.root() / name.str()));
    TRY(remove_cgroup(cgroup_path_of(name, options_.systemd_cgroup), stop));
  }
  TRY(monitor_.end(name, stop, kRemovedMonitorTime));
  if (CheckpointFolder(layout_, name).is_noted()) {
    TRY(unlock_network(Layout::netns(name), stop));  // of one that is not restored, but begins anew
  }
  return monitor_.forget(name);
}

Result<std::vector<Found>> OciRuntime::inventory(const Stop& stop) {
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(runtime_.root(), error), end;
       !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename();
    if (!name.starts_with('.') && entry->is_directory(error)) {
      names.push_back(name);
    }
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return fail(Code::broken, "list {}: {}", runtime_.root().native(), error.message());
  }
  std::vector<Found> all;
  for (const std::string& text : names) {
    TRY(stop.check("list containers"));
    const Result<std::optional<LiveState>> now = ask_live_state(runtime_, text, stop);
    if (now && !now->has_value()) {
      continue;
    }
    Found found{text, "", {}};
    if (now) {
      found.state.status = (*now)->status;
      found.state.pid = (*now)->pid;
      found.job = (*now)->job;
    }
    // Only ours have names that are ours and a bundle where ours are.
    if (const Result<ContainerName> name = ContainerName::parse(text)) {
      // What the runtime itself keeps of the stamp outlives the bundle.
      const Result<Spec> bundle = read_bundle(layout_.bundle(*name));
      if (bundle && found.job.empty()) {
        found.job = bundle->annotation(kJobAnnotation);
      }
      if (found.state.status == Status::stopped) {
        found.state.exit = TRY(ended(*name, stop));
      }
    }
    all.push_back(std::move(found));
  }
  return all;
}

}  // namespace drover::runtimes
