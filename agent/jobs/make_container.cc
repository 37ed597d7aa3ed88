#include "agent/jobs/make_container.h"

#include <algorithm>
#include <utility>

#include "agent/jobs/admission.h"
#include "agent/jobs/container_record.h"
#include "agent/jobs/undo.h"

namespace drover::jobs {
namespace {

/// One making, from its first step to its last.
class Making {
 public:
  Making(Work& work, const Node& node, runtimes::Runtime& runtime, ContainerRow row,
         ContainerRecord record)
      : work_(work),
        node_(node),
        runtime_(runtime),
        row_(std::move(row)),
        record_(std::move(record)) {}

  Result<> make(bool start) {
    const bool provisions_itself = runtime_.capabilities().provisions_itself;
    work_.plan(planned_steps(provisions_itself, start));
    TRY(tell(Status::creating));
    if (!provisions_itself) {
      TRY(make_folder());
      TRY(make_volumes());
      TRY(make_networks());
      TRY(make_root());
    }
    TRY(step("runtime.create", "", [&]() -> Result<json::Value> {
      TRY(runtime_.create(record_.container, work_.stop()));
      return json::Value();
    }));
    TRY(tell(Status::created));
    if (start) {
      TRY(step("runtime.start", "", [&]() -> Result<json::Value> {
        TRY(runtime_.start(record_.container, work_.stop()));
        return json::Value();
      }));
      TRY(tell(Status::running));
    }
    return {};
  }

  const ContainerRecord& record() const { return record_; }
  const ContainerRow& row() const { return row_; }

 private:
  std::int64_t planned_steps(bool provisions_itself, bool start) const {
    const ContainerSpec& spec = record_.container.spec;
    const std::size_t networks = spec.networks ? spec.networks->size() : 0;
    const std::size_t own = provisions_itself ? 0 : 3 + 2 * spec.volumes.size() + networks;
    return static_cast<std::int64_t>(own) + (start ? 2 : 1);
  }

  Result<json::Value> step(const std::string& name, const std::string& subject,
                           const std::function<Result<json::Value>()>& act) {
    return work_.step(name, subject, act);
  }

  Result<> tell(Status status) {
    row_.container = json::write(to_json(record_));
    row_.status = status;
    return work_.put_container(row_, std::string(to_string(status)));
  }

  Result<> make_folder() {
    TRY(step("folder.make", "", [&]() -> Result<json::Value> {
      TRY(system::make_folders(node_.layout.containers(), 0700));
      TRY(system::make_folders(node_.layout.container(record_.container.name), 0700));
      return json::Value();
    }));
    return {};
  }

  Result<> make_volumes() {
    runtimes::Container& container = record_.container;
    for (const VolumeSpec& spec : container.spec.volumes) {
      const json::Value made = TRY(step("volume.allocate", spec.name, [&]() -> Result<json::Value> {
        runtimes::VolumeSource* source = TRY(node_.volumes(spec.storage));
        const runtimes::Volume volume =
            TRY(source->allocate(container.name, container.job, spec, work_.stop()));
        return runtimes::to_json(volume);
      }));
      runtimes::Volume volume = TRY(runtimes::volume_from_json(made));
      const runtimes::Path target = node_.layout.volume_mount(container.name, spec.name);
      TRY(step("volume.mount", spec.name, [&]() -> Result<json::Value> {
        TRY(runtimes::mount_volume(volume, target, work_.stop()));
        return json::Value(target.native());
      }));
      container.mounts.push_back({target, spec.target, spec.read_only});
      record_.volumes.push_back(std::move(volume));
    }
    return {};
  }

  Result<> make_networks() {
    runtimes::Container& container = record_.container;
    TRY(step("network.namespace", "", [&]() -> Result<json::Value> {
      TRY(node_.networks.make_namespace(container.name, work_.stop()));
      return json::Value();
    }));
    container.netns = node_.layout.netns(container.name);
    for (const NetworkSpec& spec : container.spec.networks.value_or(std::vector<NetworkSpec>())) {
      const json::Value made =
          TRY(step("network.attach", spec.interface, [&]() -> Result<json::Value> {
            if (node_.proxmox_network != nullptr) {
              TRY(node_.proxmox_network->require_bridge(spec.bridge, work_.stop()));
            }
            const runtimes::Attachment attachment =
                TRY(node_.networks.attach(container.name, container.job, spec, work_.stop()));
            return runtimes::to_json(attachment);
          }));
      runtimes::Attachment attachment = TRY(runtimes::attachment_from_json(made));
      record_.interfaces.push_back(std::move(attachment));
    }
    return {};
  }

  Result<> make_root() {
    runtimes::Container& container = record_.container;
    TRY(step("rootfs.mount", "", [&]() -> Result<json::Value> {
      runtimes::Path lower = container.spec.rootfs;
      std::string digest;
      if (lower.empty()) {
        const runtimes::Image image = TRY(node_.images.ensure(container.spec.image, work_.stop()));
        container.image = image.config;
        digest = image.digest;
        lower = image.rootfs;
      }
      TRY(node_.images.mount_root(container.name, lower));
      return json::Object{{"digest", digest}};
    }));
    container.rootfs = node_.layout.rootfs(container.name);
    return {};
  }

  Work& work_;
  const Node& node_;
  runtimes::Runtime& runtime_;
  ContainerRow row_;
  ContainerRecord record_;
};

/// Takes everything back. When that is done the container is gone, otherwise the error says what is
/// left.
Result<> take_back(Work& work, const Node& node, const ContainerRow& row,
                   const ContainerRecord& record) {
  ContainerRow leaving = row;
  leaving.status = Status::deleting;
  TRY(work.put_container(leaving, "deleting"));
  const Result<> undone = undo_all(work, node, record);
  if (!undone) {
    leaving.status = Status::unknown;
    TRY(work.put_container(leaving, "unknown", {{"message", undone.error().message}}));
    return undone;
  }
  return work.erase_container(row.name);
}

}  // namespace

Result<json::Value> make_container(Work& work, const Node& node, bool start) {
  const JobRequest& request = work.request();
  const ContainerName name = TRY(ContainerName::parse(request.target));
  if (const auto there = TRY(work.container(name.str()))) {
    return fail(Code::conflict, "make container {}: there is one of that name ({}, made by job {})",
                name.str(), to_string(there->status), there->job);
  }
  const RuntimeKind kind = choose_runtime(node, name.str(), *request.spec);
  runtimes::Runtime* runtime = TRY(node.runtime(kind));
  ContainerSpec spec = with_defaults(node, *request.spec, kind);
  TRY(runtime->accepts(spec));
  ContainerRecord record{{name, request.id, kind, std::move(spec), {}, {}, {}, {}, {}}, {}, {}};
  const ContainerRow row{name.str(),
                         std::string(to_string(kind)),
                         request.id.str(),
                         json::write(to_json(record)),
                         Status::creating,
                         std::nullopt,
                         work.clock().unix_ms()};
  Making making(work, node, *runtime, row, std::move(record));
  const Result<> made = making.make(start);
  if (made) {
    return json::Value(json::Object{{"container", name.str()}, {"runtime", to_string(kind)}});
  }
  Error error = made.error();
  if (const Result<> back = take_back(work, node, making.row(), making.record()); !back) {
    error.message += "; then, while taking it back: " + back.error().message;
  }
  return Failure(std::move(error));
}

Result<json::Value> finish_making(Work& work, const Node& node, bool start) {
  const std::string& name = work.request().target;
  const auto row = TRY(work.container(name));
  if (!row || row->job != work.request().id.str()) {
    return fail(
        Code::unavailable,
        "the agent ended before this job had made anything: submit it again under a new id");
  }
  const bool whole = start ? row->status != Status::creating && row->status != Status::created
                           : row->status != Status::creating;
  if (whole && row->status != Status::deleting && row->status != Status::unknown) {
    return json::Value(json::Object{{"container", name}, {"runtime", row->runtime}});
  }
  const ContainerRecord record = TRY(container_record_from(row->container));
  TRY(take_back(work, node, *row, record));
  return fail(Code::unavailable,
              "the agent ended while this job ran, and what it had made was taken back: submit it "
              "again under a new id");
}

}  // namespace drover::jobs
