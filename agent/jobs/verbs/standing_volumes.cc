#include "agent/jobs/verbs/standing_volumes.h"

#include "agent/jobs/container_record.h"

namespace drover::jobs {
namespace {

/// Whether the container may have the volume beside `user`, who has it already.
Result<> check_together(const std::string& container, const VolumeSpec& spec,
                        const VolumeUser& user) {
  if (user.container == container || (user.read_only && spec.read_only)) {
    return {};
  }
  return fail(Code::conflict,
              "container {}: volume {} belongs to container {}: several may have it only when all "
              "have it read-only",
              container, spec.from, user.container);
}

Result<> check_users(const JobRequest& request, const VolumeRow& row,
                     const std::vector<VolumeUser>& users, Users allowed) {
  if (allowed == Users::any) {
    return {};
  }
  const runtimes::Volume volume = TRY(made_volume(row));
  for (const VolumeUser& user : users) {
    if (allowed == Users::none) {
      return fail(Code::conflict, "{} {}: container {} has it; delete that before",
                  to_string(request.verb), request.target, user.container);
    }
    if (!user.at_rest && !runtimes::is_copied_at_once(volume.kind)) {
      return fail(Code::conflict,
                  "{} {}: container {} has it and runs, or shall, or was never started; stop that "
                  "before, or delete it",
                  to_string(request.verb), request.target, user.container);
    }
  }
  return {};
}

}  // namespace

const ContainerName& standing_owner() {
  static const ContainerName owner = *ContainerName::parse("standing");
  return owner;
}

Result<std::map<std::string, std::vector<VolumeUser>>> volume_users(Journal& journal) {
  std::map<std::string, std::vector<VolumeUser>> users;
  const std::vector<ContainerRow> rows = TRY(journal.containers());
  for (const ContainerRow& row : rows) {
    const ContainerRecord record = TRY(container_record_from(row.container));
    // One that has ended by itself is still wanted running, and nobody starts it without a policy.
    const bool starts_again = row.wanted == Wanted::running &&
                              record.container.spec.restart.when != RestartPolicy::When::never;
    const bool at_rest = row.status == Status::stopped && !starts_again;
    for (const VolumeSpec& spec : record.container.spec.volumes) {
      if (!spec.from.empty()) {
        users[spec.from].push_back({row.name, spec.name, spec.read_only, at_rest});
      }
    }
  }
  return users;
}

Result<> admit_standing_volumes(Journal& journal, const std::string& container,
                                const ContainerSpec& spec) {
  std::map<std::string, std::vector<VolumeUser>> users;
  bool asked = false;
  for (const VolumeSpec& wanted : spec.volumes) {
    if (wanted.from.empty()) {
      continue;
    }
    const std::optional<VolumeRow> row = TRY(journal.volume(wanted.from));
    if (!row) {
      return fail(Code::not_found,
                  "container {}: there is no volume {}; make it first (volume.create)", container,
                  wanted.from);
    }
    if (!row->busy.empty()) {
      return fail(Code::unavailable, "container {}: job {} works on volume {}", container,
                  row->busy, wanted.from);
    }
    if (!std::exchange(asked, true)) {
      users = TRY(volume_users(journal));
    }
    for (const VolumeUser& user : users[wanted.from]) {
      TRY(check_together(container, wanted, user));
    }
  }
  return {};
}

VolumeSpec spec_of(const VolumeRow& row) {
  VolumeSpec spec;
  spec.name = row.name;
  spec.storage = row.storage;
  spec.size_mib = row.size_mib;
  return spec;
}

Result<runtimes::Volume> made_volume(const VolumeRow& row) {
  const json::Value value =
      TRY(json::parse(row.volume).context("the journal's volume " + row.name));
  return runtimes::volume_from_json(value);
}

void keep_true_size(VolumeRow& row, const runtimes::Volume& made) {
  if (row.size_mib != 0 && made.size_mib != 0) {
    row.size_mib = made.size_mib;
  }
}

Result<VolumeRow> hold_volume(Work& work, Users allowed,
                              const std::function<Result<>(Books&, const VolumeRow&)>& also) {
  const JobRequest& request = work.request();
  const std::string what = fmt::format("{} {}", to_string(request.verb), request.target);
  std::optional<VolumeRow> row;
  const auto hold = [&](Books& books) -> Result<> {
    row = TRY(books.journal().volume(request.target));
    if (!row) {
      return fail(Code::not_found, "{}: this node has no such volume", what);
    }
    if (row->busy == request.id.str()) {
      return {};
    }
    if (!row->busy.empty()) {
      return fail(Code::unavailable, "{}: job {} works on it", what, row->busy);
    }
    const auto users = TRY(volume_users(books.journal()));
    if (const auto found = users.find(request.target); found != users.end()) {
      TRY(check_users(request, *row, found->second, allowed));
    }
    if (also) {
      TRY(also(books, *row));
    }
    row->busy = request.id.str();
    return books.journal().put_volume(*row);
  };
  // A step, so that a later run of a job that has let go already does not take it again.
  TRY(work.once({.name = "volume.hold", .act = [&]() -> Result<json::Value> {
                   TRY(work.write(hold));
                   return json::Value();
                 }}));
  TRY(work.write([&](Books& books) -> Result<> {
    row = TRY(books.journal().volume(request.target));
    return {};
  }));
  if (!row) {
    return fail(Code::not_found, "{}: this node has no such volume any more", what);
  }
  return std::move(*row);
}

Result<> finish_volume(Books& books, const std::string& job, VolumeRow row, const std::string& what,
                       json::Object data) {
  const std::optional<VolumeRow> known = TRY(books.journal().volume(row.name));
  if (!known || known->busy != job) {
    return {};
  }
  row.busy.clear();
  TRY(books.journal().put_volume(row));
  if (what.empty()) {
    return {};
  }
  data.set("storage", row.storage);
  data.set("size_mib", row.size_mib);
  return books.tell(Event{
      .kind = "volume", .object = row.name, .what = what, .job = job, .data = std::move(data)});
}

}  // namespace drover::jobs
