#include "agent/jobs/reconcile/unrecorded.h"

#include <algorithm>
#include <utility>

#include "agent/jobs/container_record.h"
#include "agent/jobs/verbs/standing_volumes.h"
#include "agent/system/file.h"
#include "agent/system/log.h"
#include "runtimes/oci/bundle.h"
#include "runtimes/user_view.h"
#include "runtimes/volumes/in_use.h"
#include "runtimes/volumes/mount_table.h"

namespace drover::jobs {
namespace {

/// What a question about mounts has given; "no" when it could not be answered, which is logged.
template <class Value>
Value answered(Result<Value> answer, const ContainerName& name) {
  if (!answer) {
    system::log_warning("rebuild the journal: mounts of container {}: {}", name.str(),
                        answer.error().message);
    return Value{};
  }
  return std::move(*answer);
}

/// Where the container has what is mounted at `mount`, as its bundle tells.
void add_target(VolumeSpec& volume, const Result<runtimes::Spec>& bundle,
                const system::Path& mount) {
  volume.target = "/unknown/" + volume.name;
  const json::Array* mounts = bundle ? bundle->document().at("mounts").array() : nullptr;
  const json::Array none;
  for (const json::Value& entry : mounts == nullptr ? none : *mounts) {
    const std::string_view target = entry.at("destination").string_or("");
    if (entry.at("source").string_or("") != mount.native() || !target.starts_with('/') ||
        target.size() == 1) {
      continue;
    }
    volume.target = target;
    const json::Array* options = entry.at("options").array();
    volume.read_only = options != nullptr && std::find(options->begin(), options->end(),
                                                       json::Value("ro")) != options->end();
  }
}

/// Those of them that outlive it. What the others are nobody knows.
std::vector<VolumeSpec> standing_volumes(const std::vector<VolumeRow>& rows, const Node& node,
                                         const ContainerName& name,
                                         const std::vector<system::Path>& points) {
  Result<runtimes::Spec> bundle = runtimes::read_bundle(node.layout.bundle(name));
  if (!bundle) {
    bundle = runtimes::read_bundle(node.layout.lxc() / name.str());
  }
  std::vector<VolumeSpec> volumes;
  for (const system::Path& point : points) {
    const bool is_named = ContainerName::parse(point.filename().native()).has_value();
    for (const VolumeRow& row : rows) {
      const Result<runtimes::Volume> volume = made_volume(row);
      if (is_named && volume && answered(runtimes::is_mounted_at(*volume, point), name)) {
        VolumeSpec spec;
        spec.name = point.filename().native();
        spec.from = row.name;
        add_target(spec, bundle, point);
        volumes.push_back(std::move(spec));
        break;
      }
    }
  }
  return volumes;
}

}  // namespace

Result<SealedRecord> unrecorded(Journal& journal, const Node& node, const ContainerName& name,
                                const JobId& job, RuntimeKind runtime, std::int64_t now_unix_ms) {
  ContainerRecord record{{name, job, runtime, {}, {}, {}, {}, {}, {}}, {}, {}, {}};
  SealedRecord sealed;
  const auto add_step = [&](const std::string& step, const std::string& subject) {
    const auto number = static_cast<std::int64_t>(sealed.steps.size()) + 1;
    sealed.steps.push_back({job.str(), number, step, subject, StepState::done, "null"});
  };
  if (node.runtimes.at(runtime)->capabilities().provisions_itself) {
    add_step("runtime.create", "");
  } else {
    const std::vector<VolumeRow> rows = TRY(journal.volumes());
    // What stands in its folder to mount its volumes at.
    const std::vector<system::Path> points =
        system::children_of(node.layout.volume_mount(name, "any").parent_path());
    record.container.users = runtimes::pinned_users(node.layout, name);
    const bool own_users = record.container.users != 0;
    if (own_users) {
      record.container.user_namespace = node.layout.user_namespace(name, record.container.users);
      record.container.spec.security.user_namespace = "auto";
    }
    record.container.rootfs =
        runtimes::seen_at(node.layout, record.container, node.layout.rootfs(name));
    record.container.netns = runtimes::Layout::netns(name);
    record.container.spec.volumes = standing_volumes(rows, node, name, points);
    if (const auto root = answered(runtimes::mounted_at(record.container.rootfs), name)) {
      record.lower = root->lower;
    }
    add_step("folder.make", "");
    if (own_users) {
      add_step("users.make", "");
    }
    // They must not be in the folder's way when it goes.
    for (const system::Path& point : points) {
      add_step("volume.mount", point.filename().native());
    }
    for (const system::Path& point : system::children_of(node.layout.bind_mounts(name))) {
      add_step("bind.mount", point.filename().native());
    }
    add_step("network.namespace", "");
    add_step("rootfs.mount", "");
    if (own_users) {
      add_step("view.make", "");
    }
    add_step("runtime.create", "");
  }
  sealed.job = JobRow{job.str(),           "container.run", name.str(),  "{}",
                      JobState::succeeded, "null",          now_unix_ms, now_unix_ms};
  sealed.container.name = name.str();
  sealed.container.runtime = to_string(runtime);
  sealed.container.job = job.str();
  sealed.container.container = json::write(to_json(record));
  sealed.container.created_at = now_unix_ms;
  return sealed;
}

}  // namespace drover::jobs
