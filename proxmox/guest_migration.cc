#include "proxmox/guest_migration.h"

#include <algorithm>

#include "proxmox/answer.h"

namespace drover::proxmox {
namespace {

/// It may copy all disks.
constexpr std::chrono::hours kMigrateTimeout{48};

std::string guest_path_of(const Client& client, Vmid vmid) {
  return fmt::format("/nodes/{}/lxc/{}", path_segment(client.node()), vmid.value);
}

/// In Proxmox's words of PVE::API2::LXC and PVE::Cluster, which have no status of their own.
Error with_meaning_of_migration(Error error) {
  const auto says = [&error](std::string_view text) {
    return error.message.find(text) != std::string::npos;
  };
  if (says("running container")) {
    error.code = Code::conflict;
  } else if (says("no such cluster node")) {
    error.code = Code::not_found;
  } else if (says("Can't connect to destination address")) {
    error.code = Code::unavailable;
  }
  return error;
}

}  // namespace

Result<> MigrationCalls::check_unmanaged(Vmid vmid, const std::string& node, const Stop& stop) {
  const json::Value status =
      TRY(client_.get(guest_path_of(client_, vmid) + "/status/current", {}, stop));
  if (status.at("ha").at("managed").integer_or(0) == 0) {
    return {};
  }
  return fail(Code::conflict,
              "guest {} is a resource of Proxmox's HA manager, which decides where it is: ask that "
              "one (ha-manager migrate ct:{} {}), or take it out first (ha-manager remove ct:{})",
              vmid.value, vmid.value, node, vmid.value);
}

Result<> MigrationCalls::migrate_now(Vmid vmid, const MigrationRequest& request, const Stop& stop) {
  Form form{{"target", request.node}};
  if (request.restart) {
    form.emplace_back("restart", "1");
    form.emplace_back("timeout", std::to_string(request.grace.count()));
  }
  if (!request.storage.empty()) {
    form.emplace_back("target-storage", request.storage);
  }
  const Result<json::Value> answer =
      client_.post(guest_path_of(client_, vmid) + "/migrate", form, stop);
  if (answer) {
    const Upid upid = TRY(Upid::parse(answer->string_or("")));
    return tasks_.wait(upid, kMigrateTimeout, stop, Tasks::GivenUp::left);
  }
  if (answer.error().code != Code::timed_out) {
    return Failure(answer.error());
  }
  TRY(guests_.settle(vmid, vmid, vmid, stop));
  return fail(Code::unavailable, "{}; no task of guest {} runs", answer.error().message,
              vmid.value);
}

Result<std::string> MigrationCalls::migrate(Vmid vmid, const MigrationRequest& request,
                                            const Stop& stop) {
  TRY(check_unmanaged(vmid, request.node, stop));
  const Result<> migrated = migrate_now(vmid, request, stop);
  if (migrated) {
    return std::string();
  }
  TRY(stop.check(fmt::format("migrate guest {}", vmid.value)));
  // The task's end does not tell how far it came.
  const Result<std::optional<Placed>> placed = find(vmid, stop);
  if (!placed) {
    return Failure(Error(placed.error())
                       .context(fmt::format("{}; look where guest {} is", migrated.error().message,
                                            vmid.value)));
  }
  if (*placed && (*placed)->node == request.node) {
    return migrated.error().message;
  }
  return Failure(with_meaning_of_migration(migrated.error()));
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
