#include <utility>

#include "agent/jobs/growth.h"
#include "agent/jobs/limits.h"
#include "agent/jobs/node_turns.h"
#include "agent/jobs/target.h"
#include "agent/jobs/verbs/own_volumes.h"
#include "agent/jobs/verbs/verbs.h"

namespace drover::jobs {

Resources with_changes(Resources limits, const Resources& wish) {
  if (wish.memory_mib != 0) {
    limits.memory_mib = wish.memory_mib;
  }
  if (wish.cpus != 0) {
    limits.cpus = wish.cpus;
  }
  if (wish.pids != 0) {
    limits.pids = wish.pids;
  }
  if (wish.swap_mib != 0) {
    limits.swap_mib = wish.swap_mib;
  }
  if (!wish.cpuset.empty()) {
    limits.cpuset = wish.cpuset;
  }
  if (wish.cpu_shares != 0) {
    limits.cpu_shares = wish.cpu_shares;
  }
  limits.io = drover::with_changes(std::move(limits.io), wish.io);
  for (const auto& [size, mib] : wish.hugetlb_mib) {
    limits.hugetlb_mib[size] = mib;
  }
  return limits;
}

namespace {

constexpr const char* kLimit = "runtime.update";
constexpr const char* kGrow = "disk.grow";

json::Object sizes_of(const ContainerSpec& spec) {
  json::Object sizes;
  for (const VolumeSpec& volume : spec.volumes) {
    if (volume.size_mib != 0) {
      sizes.append(volume.name, volume.size_mib);
    }
  }
  return sizes;
}

/// Writes down how the container's spec has changed, so that it holds after its next start, and
/// tells it.
Result<> keep_change(Work& work, const Target& target,
                     const std::function<void(ContainerRecord&)>& change) {
  return work.write([&](Books& books) -> Result<> {
    std::optional<ContainerRow> row = TRY(books.journal().container(target.row.name));
    if (!row) {
      return fail(Code::not_found, "container {} was deleted meanwhile", target.row.name);
    }
    ContainerRecord record = TRY(container_record_from(row->container));
    const ContainerSpec before = record.container.spec;
    change(record);
    const ContainerSpec& now = record.container.spec;
    if (now == before) {
      return {};
    }
    row->container = json::write(to_json(record));
    TRY(books.journal().put_container(*row));
    json::Object data{{"runtime", row->runtime}, {"resources", drover::to_json(now.resources)}};
    if (now.volumes != before.volumes) {
      data.set("volumes", sizes_of(now));
    }
    return books.tell(Event{.kind = "container",
                            .object = row->name,
                            .what = "updated",
                            .job = work.request().id.str(),
                            .data = std::move(data)});
  });
}

/// The disks as they are, be they what the job wants or not.
Result<> keep_sizes(Work& work, const Target& target, const system::Stop& stop) {
  runtimes::Disks* const disks = target.runtime->disks();
  if (disks == nullptr) {
    return {};
  }
  const runtimes::DiskSizes sizes = TRY(disks->disk_sizes(target.container(), stop));
  return keep_change(work, target, [&](ContainerRecord& record) {
    runtimes::take_in(sizes, record.container.spec);
  });
}

/// What holds after the next start only, for those who ask before it.
Result<> keep_pending(Work& work, const Target& target, const std::vector<std::string>& pending) {
  return work.write([&](Books& books) -> Result<> {
    std::optional<ContainerRow> row = TRY(books.journal().container(target.row.name));
    ContainerRecord record =
        TRY(container_record_from(row ? row->container : target.row.container));
    if (!row || record.pending == pending) {
      return {};
    }
    record.pending = pending;
    row->container = json::write(to_json(record));
    return books.journal().put_container(*row);
  });
}

Result<> keep_own_size(Work& work, const Target& target, const std::string& volume,
                       std::uint64_t size_mib) {
  return keep_change(work, target,
                     [&](ContainerRecord& record) { set_own_size(record, volume, size_mib); });
}

/// One disk of a guest: the root's ("") or a volume's.
Result<> grow(Work& work, const Node& node, const Target& target, const std::string& volume,
              std::uint64_t size_mib) {
  Step step{.name = kGrow, .subject = volume};
  step.act = [&]() -> Result<json::Value> {
    TRY(target.runtime->disks()->grow(target.container(), volume, size_mib, work.stop()));
    // What comes after may fail, and takes nothing of it back.
    TRY(keep_sizes(work, target, work.stop()));
    return json::Value();
  };
  step.find = [&]() -> Result<std::optional<json::Value>> {
    TRY(target.runtime->disks()->check_grown(target.container(), volume, size_mib, work.stop()));
    return std::optional<json::Value>();
  };
  step.needs = turn_of_growth(node, node.config.storage.guest_storage);
  for (const VolumeSpec& spec : target.container().spec.volumes) {
    if (spec.name == volume) {
      step.needs = turn_of_growth(node, spec.storage);
    }
  }
  TRY(work.once(step));
  return {};
}

Result<> grow_volume(Work& work, const Node& node, const Target& target, const std::string& volume,
                     std::uint64_t size_mib) {
  if (target.runtime->capabilities().provisions_itself) {
    return grow(work, node, target, volume, size_mib);
  }
  return grow_own_volume(work, node, target, volume, size_mib, [&](std::uint64_t grown) {
    return keep_own_size(work, target, volume, grown);
  });
}

std::int64_t steps_of(const Target& target, const JobOptions& wish, bool sets_limits) {
  const std::int64_t of_one =
      target.runtime->capabilities().provisions_itself ? 1 : kStepsOfOwnGrowth;
  return static_cast<std::int64_t>(wish.volumes.size()) * of_one +
         (wish.resources.disk_mib != 0 ? 1 : 0) + (sets_limits ? 1 : 0);
}

Result<> set_limits(Work& work, const Target& target, const Resources& limits) {
  TRY(work.once({.name = kLimit, .act = [&]() -> Result<json::Value> {
                   TRY(target.runtime->update(target.container(), limits, work.stop()));
                   return json::Value();
                 }}));
  return {};
}

/// The limits are written down when all is done, so the record has the old ones still. A part of
/// the new ones may have been set. What has grown stays so.
Result<> take_back(Work& work, const Target& target, const StepRow& step) {
  if (step.name == kLimit) {
    return target.runtime->update(target.container(), target.container().spec.resources,
                                  work.agent_stop());
  }
  if (step.name == kGrow) {
    return keep_sizes(work, target, work.agent_stop());
  }
  const json::Value grown = TRY(json::parse(step.data));
  return grown.is_null() ? Result<>()
                         : keep_own_size(work, target, step.subject,
                                         static_cast<std::uint64_t>(grown.integer_or(0)));
}

}  // namespace

Result<json::Value> update_container(Work& work, const Node& node) {
  const Target target = TRY(find_target(work, node));
  const JobOptions& wish = work.request().options;
  ContainerSpec spec = target.container().spec;
  const Resources limits = with_changes(spec.resources, wish.resources);
  spec.resources = limits;
  TRY(target.runtime->accepts(spec));
  TRY(check_growth(node, target.record, wish));
  const bool sets_limits = !(limits == target.container().spec.resources) || !grows_disks(wish);
  work.plan(steps_of(target, wish, sets_limits));
  if (sets_limits) {
    TRY(set_limits(work, target, limits));
  }
  if (wish.resources.disk_mib != 0) {
    TRY(grow(work, node, target, "", wish.resources.disk_mib));
  }
  for (const auto& [volume, size_mib] : wish.volumes) {
    TRY(grow_volume(work, node, target, volume, size_mib));
  }
  TRY(keep_change(work, target, [&](ContainerRecord& record) {
    Resources& kept = record.container.spec.resources;
    kept = with_changes(kept, limits);
  }));
  const Target changed = TRY(find_target(work, node));
  json::Object result{{"resources", drover::to_json(changed.container().spec.resources)}};
  if (!wish.volumes.empty()) {
    result.set("volumes", sizes_of(changed.container().spec));
  }
  const std::vector<std::string> pending =
      TRY(target.runtime->pending(target.container(), work.stop()));
  TRY(keep_pending(work, target, pending));
  if (!pending.empty()) {
    result.set("pending", json::Array(pending.begin(), pending.end()));
  }
  return json::Value(std::move(result));
}

Result<> undo_update(Work& work, const Node& node) {
  const std::vector<StepRow> steps = TRY(work.steps(work.request().id.str()));
  for (const StepRow& step : steps) {
    const bool is_changed = step.name == kLimit || step.name == kGrow || step.name == kOwnGrown;
    if (!is_changed || step.state == StepState::undone) {
      continue;
    }
    const Result<Target> target = find_target(work, node);
    const Result<> undone =
        target ? take_back(work, *target, step) : Result<>(Failure(target.error()));
    if (!undone && undone.error().code != Code::not_found) {
      return undone;
    }
    TRY(work.step_undone(step));
  }
  return {};
}

}  // namespace drover::jobs
