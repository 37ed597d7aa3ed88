#include "agent/jobs/node_turns.h"

#include "agent/core/image_reference.h"
#include "runtimes/copy_source.h"

namespace drover::jobs {
namespace {

/// Proxmox gives up on a storage's lock after ten seconds. With this many in its line, each of
/// which takes two at the very most, nobody waits that long; nor does the collector of leaks, which
/// takes one thing after the other and no turn.
constexpr std::size_t kAtOneStorage = 4;

}  // namespace

std::optional<Scarce> turn_of_storage(const Node& node, const std::string& storage) {
  const Result<runtimes::VolumeSource*> source = node.volumes(storage);
  if (!source || *source != node.proxmox_volumes) {
    return std::nullopt;
  }
  return Scarce{"storage " + storage, kAtOneStorage};
}

std::optional<Scarce> turn_of_growth(const Node& node, const std::string& storage) {
  std::optional<Scarce> turn = turn_of_storage(node, storage);
  if (turn) {
    turn->thing = "growing disks on " + turn->thing;
  }
  return turn;
}

Scarce turn_of_volume(const runtimes::Volume& volume) {
  return Scarce{"volume " + volume.id};
}

std::optional<Scarce> turn_of_image(const Node& node, const std::string& reference) {
  const Result<ImageReference> image = parse_image_reference(reference);
  if (!image || image->kind != ImageReference::Kind::layout || node.images.has(reference)) {
    return std::nullopt;
  }
  return Scarce{"image " + reference};
}

std::optional<Scarce> turn_of_root(const Node& node, const runtimes::Runtime& runtime) {
  return runtime.capabilities().provisions_itself
             ? turn_of_storage(node, node.config.storage.guest_storage)
             : std::nullopt;
}

Scarce turn_of_source(Vmid source) {
  return Scarce{fmt::format("guest {} to be copied", source.value)};
}

Scarce turn_of_template(const proxmox::TemplateVolume& volume) {
  return Scarce{"template file " + volume.file};
}

std::string sole_use_of(const JobRequest& request) {
  if (request.verb == Verb::container_backup) {
    return "backups of the node";
  }
  if (request.verb == Verb::container_migrate) {
    return "migrations from the node";
  }
  if (!request.spec || !makes_container(request.verb)) {
    return "";
  }
  const Result<runtimes::CopySource> source = runtimes::read_copy_source(request.spec->image);
  return source ? "copies of container " + source->container.str() : "";
}

}  // namespace drover::jobs
