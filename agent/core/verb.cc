#include "agent/core/verb.h"

#include <algorithm>
#include <array>
#include <utility>

#include "agent/core/ascii.h"
#include "agent/core/ids.h"

namespace drover {
namespace {

constexpr std::array<std::pair<Verb, std::string_view>, 32> kVerbs = {{
    {Verb::container_run, "container.run"},
    {Verb::container_create, "container.create"},
    {Verb::container_start, "container.start"},
    {Verb::container_stop, "container.stop"},
    {Verb::container_restart, "container.restart"},
    {Verb::container_kill, "container.kill"},
    {Verb::container_pause, "container.pause"},
    {Verb::container_resume, "container.resume"},
    {Verb::container_exec, "container.exec"},
    {Verb::container_update, "container.update"},
    {Verb::container_upgrade, "container.upgrade"},
    {Verb::container_checkpoint, "container.checkpoint"},
    {Verb::container_restore, "container.restore"},
    {Verb::container_snapshot, "container.snapshot"},
    {Verb::container_rollback, "container.rollback"},
    {Verb::container_snapshot_delete, "container.snapshot-delete"},
    {Verb::container_backup, "container.backup"},
    {Verb::container_migrate, "container.migrate"},
    {Verb::container_adopt, "container.adopt"},
    {Verb::container_delete, "container.delete"},
    {Verb::image_pull, "image.pull"},
    {Verb::image_remove, "image.remove"},
    {Verb::volume_create, "volume.create"},
    {Verb::volume_resize, "volume.resize"},
    {Verb::volume_snapshot, "volume.snapshot"},
    {Verb::volume_delete, "volume.delete"},
    {Verb::network_ensure, "network.ensure"},
    {Verb::network_remove, "network.remove"},
    {Verb::node_drain, "node.drain"},
    {Verb::node_undrain, "node.undrain"},
    {Verb::node_collect, "node.collect"},
    {Verb::job_cancel, "job.cancel"},
}};

constexpr std::array<std::string_view, 6> kTargetKinds = {"container", "image", "volume",
                                                          "network",   "node",  "job"};
constexpr std::size_t kMostImage = 512;
constexpr std::size_t kMostInterface = 15;

Result<> check_image(std::string_view target) {
  const bool fits =
      !target.empty() && target.size() <= kMostImage &&
      std::all_of(target.begin(), target.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (!fits) {
    return fail(Code::invalid, "\"{}\" is no image: 1 to {} printable characters without spaces",
                target.substr(0, 80), kMostImage);
  }
  return {};
}

Result<> check_network(std::string_view target) {
  const bool fits = !target.empty() && target.size() <= kMostInterface && target != "." &&
                    target != ".." && std::all_of(target.begin(), target.end(), [](char c) {
                      return is_alphanumeric(c) || c == '_' || c == '-' || c == '.';
                    });
  if (!fits) {
    return fail(Code::invalid, "\"{}\" is no bridge: 1 to {} of letters, digits, '_', '-' and '.'",
                target.substr(0, 80), kMostInterface);
  }
  return {};
}

}  // namespace

std::string_view to_string(Verb verb) {
  const auto found = std::find_if(kVerbs.begin(), kVerbs.end(),
                                  [verb](const auto& entry) { return entry.first == verb; });
  return found == kVerbs.end() ? std::string_view("unknown") : found->second;
}

std::optional<Verb> verb_from(std::string_view name) {
  const auto found = std::find_if(kVerbs.begin(), kVerbs.end(),
                                  [name](const auto& entry) { return entry.second == name; });
  return found == kVerbs.end() ? std::nullopt : std::optional(found->first);
}

std::string all_verbs() {
  std::string all;
  for (const auto& entry : kVerbs) {
    all += (all.empty() ? "" : ", ") + std::string(entry.second);
  }
  return all;
}

std::string_view to_string(TargetKind kind) {
  return kTargetKinds.at(static_cast<std::size_t>(kind));
}

TargetKind target_kind_of(Verb verb) {
  const std::string_view name = to_string(verb);
  const std::string_view kind = name.substr(0, name.find('.'));
  const auto found = std::find(kTargetKinds.begin(), kTargetKinds.end(), kind);
  return static_cast<TargetKind>(found - kTargetKinds.begin());
}

Result<> check_target(TargetKind kind, std::string_view target) {
  switch (kind) {
    case TargetKind::container:
      return ContainerNameKind::check(target);
    case TargetKind::image:
      return check_image(target);
    case TargetKind::volume:
      return VolumeNameKind::check(target);
    case TargetKind::network:
      return check_network(target);
    case TargetKind::node:
      return NodeNameKind::check(target);
    case TargetKind::job:
      break;
  }
  return JobIdKind::check(target);
}

}  // namespace drover
