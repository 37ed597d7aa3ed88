#include "agent/jobs/reconcile/known.h"

#include <filesystem>
#include <iterator>
#include <utility>

#include "agent/core/ip_address.h"
#include "agent/jobs/container_record.h"
#include "agent/jobs/verbs/images.h"
#include "agent/jobs/verbs/standing_volumes.h"
#include "runtimes/volumes/proxmox_volumes.h"

namespace drover::jobs {

Result<> Known::add_volumes(const Node& node, const std::string& container, const std::string& job,
                            const std::vector<VolumeSpec>& volumes) {
  const ContainerName name = TRY(ContainerName::parse(container));
  const JobId id = TRY(JobId::parse(job));
  const Vmid owner{static_cast<std::uint32_t>(node.config.proxmox.volume_owner)};
  for (const VolumeSpec& volume : volumes) {
    volumes_.insert(runtimes::proxmox_volume_name(owner, name, id, volume.name));
  }
  return {};
}

Result<> Known::add_standing(Journal& journal, const Node& node) {
  const Vmid owner{static_cast<std::uint32_t>(node.config.proxmox.volume_owner)};
  const std::vector<VolumeRow> volumes = TRY(journal.volumes());
  for (const VolumeRow& row : volumes) {
    const JobId job = TRY(JobId::parse(row.job));
    jobs_.insert(row.job);
    volumes_.insert(runtimes::proxmox_volume_name(owner, standing_owner(), job, row.name));
  }
  return {};
}

Result<> Known::add_images(Journal& journal, const Node& node) {
  const std::vector<ImageRow> images = TRY(journal.images());
  for (const ImageRow& row : images) {
    images_.insert(row.digest);
  }
  const auto users = TRY(image_users(journal, node.layout));
  for (const auto& [digest, containers] : users) {
    images_.insert(digest);
  }
  return {};
}

Result<> Known::add_volumes_of(const Node& node, const JobRow& job) {
  const json::Value value = TRY(json::parse(job.request));
  const Result<JobRequest> request = read_job(value);
  if (!request) {
    return {};  // it is ended before it makes anything
  }
  if (request->spec) {
    return add_volumes(node, job.target, job.id, request->spec->volumes);
  }
  const Vmid owner{static_cast<std::uint32_t>(node.config.proxmox.volume_owner)};
  if (request->verb == Verb::volume_create || request->verb == Verb::volume_snapshot) {
    const std::string& name =
        request->verb == Verb::volume_create ? request->target : request->options.snapshot;
    volumes_.insert(runtimes::proxmox_volume_name(owner, standing_owner(), request->id, name));
  }
  return {};
}

Result<Known> Known::read(Journal& journal, const Node& node, std::int64_t since_unix_ms) {
  Known known;
  const bool with_volumes = node.proxmox_volumes != nullptr;
  const std::vector<ContainerRow> containers = TRY(journal.containers());
  for (const ContainerRow& row : containers) {
    known.names_.insert(row.name);
    known.jobs_.insert(row.job);
    if (with_volumes || node.leases != nullptr) {
      const ContainerRecord record = TRY(container_record_from(row.container));
      TRY(known.add_volumes(node, row.name, row.job, record.container.spec.volumes));
      for (const runtimes::Volume& volume : record.volumes) {
        known.volumes_.insert(volume.id);
      }
      for (const runtimes::Attachment& interface : record.interfaces) {
        known.addresses_.emplace(interface.bridge, address_of(interface.address));
      }
    }
  }
  TRY(known.add_standing(journal, node));
  TRY(known.add_images(journal, node));
  std::vector<JobRow> jobs = TRY(journal.unfinished());
  std::vector<JobRow> ended = TRY(journal.ended_since(since_unix_ms));
  std::move(ended.begin(), ended.end(), std::back_inserter(jobs));
  for (const JobRow& row : jobs) {
    const std::optional<Verb> verb = verb_from(row.verb);
    known.jobs_.insert(row.id);
    if (verb && target_kind_of(*verb) == TargetKind::container) {
      known.names_.insert(row.target);
    }
    if (with_volumes) {
      TRY(known.add_volumes_of(node, row));
    }
  }
  return known;
}

void Known::add(const Known& other) {
  names_.insert(other.names_.begin(), other.names_.end());
  jobs_.insert(other.jobs_.begin(), other.jobs_.end());
  volumes_.insert(other.volumes_.begin(), other.volumes_.end());
  images_.insert(other.images_.begin(), other.images_.end());
  addresses_.insert(other.addresses_.begin(), other.addresses_.end());
}

Result<bool> Known::has(Journal& journal, const Thing& thing) const {
  if (thing.kind == "log") {
    // Logs are kept as long as their job is remembered.
    const std::optional<JobRow> job = TRY(journal.job(thing.job));
    return jobs_.contains(thing.job) || job.has_value();
  }
  if (thing.kind == "container" && thing.job.empty()) {
    return true;  // a stranger's
  }
  if (thing.kind == "volume" && thing.job.empty()) {
    return volumes_.contains(thing.name) ||
           volumes_.contains(std::string(runtimes::proxmox_name_in(thing.name)));
  }
  if (thing.kind == "lease" && thing.job.empty()) {
    // Its file cannot be read; its name tells vnet and address.
    const std::filesystem::path file(thing.name);
    return addresses_.contains({file.parent_path().filename(), file.filename()});
  }
  if (thing.kind == "root") {
    return images_.contains(thing.name);
  }
  if (thing.kind == "image") {
    return false;  // the store names none that is being unpacked
  }
  return thing.job.empty() ? names_.contains(thing.container) : jobs_.contains(thing.job);
}

}  // namespace drover::jobs
