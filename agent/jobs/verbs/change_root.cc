#include "agent/jobs/verbs/change_root.h"

#include <fcntl.h>

#include "agent/jobs/allowed_folders.h"
#include "agent/system/user_namespace.h"
#include "runtimes/user_view.h"
#include "runtimes/volumes/mount_table.h"

namespace drover::jobs {
namespace {

Result<> tell(Books& books, const Work& work, const ContainerRow& row, const std::string& what,
              const std::string& image, const std::string& former) {
  return books.tell(
      Event{.kind = "container",
            .object = row.name,
            .what = what,
            .job = work.request().id.str(),
            .data = {{"runtime", row.runtime}, {"image", image}, {"former", former}}});
}

}  // namespace

Result<> change_record(Journal& journal, const std::string& container,
                       const std::function<void(ContainerRecord&)>& change) {
  std::optional<ContainerRow> row = TRY(journal.container(container));
  if (!row) {
    return fail(Code::not_found, "container {} was deleted meanwhile", container);
  }
  ContainerRecord record = TRY(container_record_from(row->container));
  change(record);
  row->container = json::write(to_json(record));
  return journal.put_container(*row);
}

Result<> change_root(Work& work, const Node& node, const Target& target, const Root& to,
                     const Root& from) {
  TRY(leave_root_of(node, target.record, work.stop()));
  ContainerRecord changed = target.record;
  TRY(work.write([&](Books& books) {
    return change_record(books.journal(), target.row.name, [&](ContainerRecord& record) {
      set_root(record, to);
      record.aside = from;
      changed = record;
    });
  }));
  TRY(mount_root_of(node, changed));
  return changed.container.users == 0 ? Result<>()
                                      : runtimes::show_root(node.layout, changed.container);
}

Result<> keep_changed_root(Work& work, const Target& target) {
  return work.write([&](Books& books) -> Result<> {
    std::optional<Root> aside;
    std::string image;
    TRY(change_record(books.journal(), target.row.name, [&](ContainerRecord& record) {
      aside = record.aside;
      image = record.container.spec.image;
      if (aside) {
        record.former = std::exchange(record.aside, std::nullopt);
      }
    }));
    return aside ? tell(books, work, target.row, "upgraded", image, aside->image) : Result<>();
  });
}

Result<> put_root_back(Work& work, const Target& target, const Root& from, bool is_changed) {
  return work.write([&](Books& books) -> Result<> {
    std::string image;
    TRY(change_record(books.journal(), target.row.name, [&](ContainerRecord& record) {
      image = record.container.spec.image;
      set_root(record, from);
      record.aside.reset();
    }));
    return is_changed ? tell(books, work, target.row, "reverted", from.image, image) : Result<>();
  });
}

Result<> forget_aside(Work& work, const Target& target) {
  return work.write([&](Books& books) {
    return change_record(books.journal(), target.row.name,
                         [](ContainerRecord& record) { record.aside.reset(); });
  });
}

Result<system::UniqueFd> open_lower(const Node& node, const ContainerRecord& record) {
  const runtimes::Path images = node.layout.images() / "";
  const std::string& lower = record.lower.native();
  Result<system::UniqueFd> opened =
      record.container.spec.rootfs.empty() && lower.starts_with(images.native())
          ? system::open_in_root(node.layout.images(), lower.substr(images.native().size()),
                                 O_PATH | O_DIRECTORY)
          : open_allowed(node.config, record.lower, O_PATH | O_DIRECTORY);
  if (!opened && opened.error().code == Code::not_found) {
    return fail(Code::not_found, "container {}: this node has no folder {} to be its root",
                record.container.name.str(), lower);
  }
  return opened;
}

Result<> mount_root_of(const Node& node, const ContainerRecord& record) {
  const ContainerName& name = record.container.name;
  if (TRY(runtimes::is_mount_root(node.layout.rootfs(name)))) {
    return {};
  }
  const system::UniqueFd lower = TRY(open_lower(node, record));
  if (record.container.users == 0) {
    return node.images.mount_root(name, record.lower, lower, record.layers);
  }
  // A reboot may have come since they were made.
  TRY(runtimes::make_own_users(node.layout, name, record.container.users));
  const system::UniqueFd users =
      TRY(system::open_pinned_namespace(record.container.user_namespace));
  return node.images.mount_root_for(name, record.lower, lower, users, record.container.users,
                                    record.layers);
}

Result<> leave_root_of(const Node& node, const ContainerRecord& record, const system::Stop& stop) {
  if (record.container.users != 0) {
    TRY(runtimes::hide_root(node.layout, record.container.name));
  }
  return node.images.leave_root(record.container.name, stop);
}

}  // namespace drover::jobs
