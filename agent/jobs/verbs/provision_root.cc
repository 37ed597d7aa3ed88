// Provision: the container's root, and whose users those in it are.
#include <fcntl.h>

#include "agent/jobs/allowed_folders.h"
#include "agent/jobs/verbs/images.h"
#include "agent/jobs/verbs/provision.h"
#include "agent/system/user_namespace.h"
#include "runtimes/user_view.h"
#include "runtimes/volumes/mount_table.h"

namespace drover::jobs {

/// The namespace is the only thing that the node keeps of its users: who has which range, the
/// container's row says.
Result<> Provision::make_users() {
  runtimes::Container& container = record_.container;
  if (container.users == 0) {
    return {};
  }
  TRY(work_.once({.name = "users.make",
                  .act = [&]() -> Result<json::Value> {
                    TRY(runtimes::make_own_users(node_.layout, container.name, container.users));
                    return json::Value();
                  },
                  .again = true}));
  container.user_namespace = node_.layout.user_namespace(container.name, container.users);
  return {};
}

Result<> Provision::make_view() {
  runtimes::Container& container = record_.container;
  if (container.users == 0) {
    return {};
  }
  TRY(work_.once({.name = "view.make",
                  .act = [&]() -> Result<json::Value> {
                    TRY(runtimes::make_view(node_.layout, container));
                    return json::Value();
                  },
                  .again = true}));
  container.rootfs =
      runtimes::seen_at(node_.layout, container, node_.layout.rootfs(container.name));
  return {};
}

/// The folder below the root's overlay. An image is written down as the container's before it is
/// mounted: who removes images asks the journal.
Result<> Provision::choose_root() {
  runtimes::Container& container = record_.container;
  if (!container.spec.rootfs.empty()) {
    record_.lower = container.spec.rootfs;
    TRY(open_lower());
    return {};
  }
  const runtimes::Image image =
      TRY(ensure_image(work_, node_, container.spec.image, Freshness::as_it_is_here));
  record_.lower = image.rootfs;
  container.image = image.config;
  TRY(name_image(work_, image, [&](Journal& journal) -> Result<> {
    std::optional<ContainerRow> row = TRY(journal.container(container.name.str()));
    if (row) {
      row->container = json::write(to_json(record_));
      TRY(journal.put_container(*row));
    }
    return {};
  }));
  return {};
}

/// A folder that a job has named is held against what the node allows each time that it is mounted,
/// and mounted as it was opened: whoever may write above it can put a link in its place meanwhile.
Result<system::UniqueFd> Provision::open_lower() {
  const runtimes::Path images = node_.layout.images() / "";
  const std::string& lower = record_.lower.native();
  Result<system::UniqueFd> opened =
      record_.container.spec.rootfs.empty() && lower.starts_with(images.native())
          ? system::open_in_root(node_.layout.images(), lower.substr(images.native().size()),
                                 O_PATH | O_DIRECTORY)
          : open_allowed(node_.config, record_.lower, O_PATH | O_DIRECTORY);
  if (!opened && opened.error().code == Code::not_found) {
    return fail(Code::not_found, "container {}: this node has no folder {} to be its root",
                record_.container.name.str(), lower);
  }
  return opened;
}

Result<> Provision::mount_over(const system::UniqueFd& lower) {
  const runtimes::Container& container = record_.container;
  if (container.users == 0) {
    return node_.images.mount_root(container.name, record_.lower, lower);
  }
  const system::UniqueFd users = TRY(system::open_pinned_namespace(container.user_namespace));
  return node_.images.mount_root_for(container.name, record_.lower, lower, users, container.users);
}

Result<> Provision::mount_root() {
  runtimes::Container& container = record_.container;
  TRY(work_.once({.name = "rootfs.mount",
                  .act = [&]() -> Result<json::Value> {
                    if (TRY(runtimes::is_mounted(node_.layout.rootfs(container.name)))) {
                      return json::Value();
                    }
                    const system::UniqueFd lower = TRY(open_lower());
                    TRY(mount_over(lower));
                    return json::Value();
                  },
                  .again = true}));
  container.rootfs = node_.layout.rootfs(container.name);
  return {};
}

}  // namespace drover::jobs
