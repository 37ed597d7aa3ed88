// Provision: the container's root, and whose users those in it are.
#include "agent/jobs/verbs/change_root.h"
#include "agent/jobs/verbs/images.h"
#include "agent/jobs/verbs/provision.h"
#include "runtimes/user_view.h"

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
    TRY(open_lower(node_, record_));
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

Result<> Provision::mount_root() {
  runtimes::Container& container = record_.container;
  TRY(work_.once({.name = "rootfs.mount",
                  .act = [&]() -> Result<json::Value> {
                    TRY(mount_root_of(node_, record_));
                    return json::Value();
                  },
                  .again = true,
                  .goes_on = true}));
  container.rootfs = node_.layout.rootfs(container.name);
  return {};
}

}  // namespace drover::jobs
