#include "proxmox/guest_migration.h"

#include <algorithm>

#include "proxmox/answer.h"
#include "proxmox/cluster.h"

namespace drover::proxmox {
namespace {

/// It may copy all disks.
constexpr std::chrono::hours kMigrateTimeout{48};
constexpr std::chrono::minutes kStartTimeout{5};

std::string path_on(const std::string& node, Vmid vmid) {
  return fmt::format("/nodes/{}/lxc/{}", path_segment(node), vmid.value);
}

/// In Proxmox's words of PVE::API2::LXC and PVE::LXC::Migrate, which have no status of their own.
Error with_meaning_of_migration(Error error, Vmid vmid) {
  const auto says = [&error](std::string_view text) {
    return error.message.find(text) != std::string::npos;
  };
  if (says("is locked (migrate)")) {
    error.code = Code::conflict;
    error.message += fmt::format(
        "; no migration of it goes on any more: look at its disks, then unlock it (pct unlock {})",
        vmid.value);
  } else if (says("running container") || says("is locked (")) {
    error.code = Code::conflict;
  } else if (says("Can't connect to destination address")) {
    error.code = Code::unavailable;
  }
  return error;
}

}  // namespace

Result<> MigrationCalls::check_unmanaged(Vmid vmid, const std::string& node, const Stop& stop) {
  const json::Value status =
      TRY(client_.get(path_on(client_.node(), vmid) + "/status/current", {}, stop));
  if (status.at("ha").at("managed").integer_or(0) == 0) {
    return {};
  }
  return fail(Code::conflict,
              "guest {} is a resource of Proxmox's HA manager, which decides where it is: ask that "
              "one (ha-manager migrate ct:{} {}), or take it out first (ha-manager remove ct:{})",
              vmid.value, vmid.value, node, vmid.value);
}

Result<> MigrationCalls::check(Vmid vmid, const std::string& node, const Stop& stop) {
  TRY(check_unmanaged(vmid, node, stop));
  const ClusterState cluster = TRY(Cluster(client_).state(stop));
  std::string names;
  for (const ClusterState::Node& one : cluster.nodes) {
    if (one.name == node) {
      return one.online ? Result<>()
                        : fail(Code::unavailable, "node {} of the cluster is offline", node);
    }
    names += (names.empty() ? "" : ", ") + one.name;
  }
  return fail(Code::not_found, "the cluster has no node {}; it has {}", node, names);
}

Result<> MigrationCalls::migrate_now(Vmid vmid, const Form& form, const Stop& stop) {
  const Result<json::Value> answer =
      client_.post(path_on(client_.node(), vmid) + "/migrate", form, stop);
  if (answer) {
    const Upid upid = TRY(Upid::parse(answer->string_or("")));
    return tasks_.wait(upid, kMigrateTimeout, stop, Tasks::GivenUp::left);
  }
  return answer.error().code != Code::timed_out
             ? Failure(answer.error())
             : fail(Code::unavailable, "{}; no task of guest {} runs", answer.error().message,
                    vmid.value);
}

Result<std::string> MigrationCalls::migrate(Vmid vmid, const std::string& node,
                                            const std::string& storage, const Stop& stop) {
  Form form{{"target", node}};
  if (!storage.empty()) {
    form.emplace_back("target-storage", storage);
  }
  TRY(check_unmanaged(vmid, node, stop));
  const Result<> migrated = migrate_now(vmid, form, stop);
  if (!migrated) {
    // Nobody may have seen its end, or even its begin.
    TRY(stop.check(fmt::format("migrate guest {}", vmid.value)));
    TRY(guests_.settle(vmid, vmid, vmid, stop));
  }
  // Neither the task's end nor its success tells how far it came: the HA manager's is over when
  // that has only been asked.
  const Result<std::optional<Placed>> placed = find(vmid, stop);
  if (!placed) {
    return Failure(
        Error(placed.error())
            .context(fmt::format("{}; look where guest {} is",
                                 migrated ? "migrated" : migrated.error().message, vmid.value)));
  }
  if (*placed && (*placed)->node == node) {
    return migrated ? std::string() : migrated.error().message;
  }
  if (!migrated) {
    return Failure(with_meaning_of_migration(migrated.error(), vmid));
  }
  return fail(Code::conflict,
              "Proxmox has ended the task well, but guest {} is on {}: the HA manager may have it "
              "in its hands",
              vmid.value, *placed ? "node " + (*placed)->node : "no node");
}

Result<> MigrationCalls::start_there(Vmid vmid, const std::string& node, const Stop& stop) {
  const Result<json::Value> answer = client_.post(path_on(node, vmid) + "/status/start", {}, stop);
  if (!answer) {
    const bool runs = answer.error().message.find("already running") != std::string::npos;
    return runs ? Result<>() : Failure(answer.error());
  }
  return tasks_.wait(*answer, kStartTimeout, stop);
}

Result<std::optional<MigrationCalls::Placed>> MigrationCalls::find(Vmid vmid, const Stop& stop) {
  const json::Array all =
      TRY(list_of(client_.get("/cluster/resources", {{"type", "vm"}}, stop), "list all guests"));
  const auto found = std::find_if(all.begin(), all.end(), [vmid](const json::Value& guest) {
    return guest.at("vmid").integer_or(0) == std::int64_t{vmid.value};
  });
  if (found == all.end()) {
    return std::optional<Placed>();
  }
  return std::optional<Placed>(
      Placed{std::string(found->at("node").string_or("")), read_guest(*found)});
}

}  // namespace drover::proxmox
