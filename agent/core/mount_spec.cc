#include "agent/core/mount_spec.h"

#include <algorithm>
#include <set>
#include <utility>

#include "agent/core/json_members.h"
#include "agent/core/program_fields.h"

namespace drover {
namespace {

constexpr std::size_t kMostMounts = 64;
constexpr std::int64_t kMostTmpfsMib = std::int64_t{1} << 20;

bool is_octal_mode(std::string_view mode) {
  return (mode.size() == 3 || mode.size() == 4) &&
         std::all_of(mode.begin(), mode.end(), [](char c) { return c >= '0' && c <= '7'; });
}

/// A fault for each of `members`, which are of the other kind.
void refuse_members(Fields& fields, MountSpec::Kind other,
                    std::initializer_list<std::string_view> members) {
  for (const std::string_view member : members) {
    if (fields.has(member)) {
      fields.fault(member, fmt::format("goes with type {} only", to_string(other)));
    }
  }
}

MountSpec read_mount(const json::Value& value, std::string pointer, Faults& faults) {
  Fields fields(value, std::move(pointer), faults);
  MountSpec mount;
  fields.require("type");
  // Of no kind where that is missing or none: what goes with a kind only is then no fault as well.
  const std::string type = fields.one_of("type", "none", {"bind", "tmpfs"});
  const bool is_bind = type == to_string(MountSpec::Kind::bind);
  const bool is_tmpfs = type == to_string(MountSpec::Kind::tmpfs);
  if (fields.has("type") && value.at("type").string_or("") == "none") {
    fields.fault("type", "must be one of bind, tmpfs, not \"none\"");
  }
  mount.kind = is_tmpfs ? MountSpec::Kind::tmpfs : MountSpec::Kind::bind;
  mount.target = read_place(fields, "target");
  mount.source = is_bind ? read_place(fields, "source") : read_path(fields, "source");
  mount.read_only = fields.boolean("read_only", false);
  mount.size_mib = static_cast<std::uint64_t>(
      fields.integer("size_mib", std::int64_t{MountSpec::kUsualSizeMib}, 1, kMostTmpfsMib));
  mount.mode = fields.string("mode", MountSpec::kUsualMode);
  if (!is_octal_mode(mount.mode)) {
    fields.fault("mode", "must be 3 or 4 octal digits, as \"1777\" or \"755\"");
  }
  if (is_bind) {
    refuse_members(fields, MountSpec::Kind::tmpfs, {"size_mib", "mode"});
  } else if (is_tmpfs) {
    refuse_members(fields, MountSpec::Kind::bind, {"source", "read_only"});
  }
  fields.finish();
  return mount;
}

}  // namespace

std::string_view to_string(MountSpec::Kind kind) {
  return kind == MountSpec::Kind::bind ? "bind" : "tmpfs";
}

std::vector<MountSpec> read_mounts(Fields& spec, const std::vector<VolumeSpec>& volumes,
                                   Faults& faults) {
  std::vector<MountSpec> mounts;
  spec.each("mounts", kMostMounts, [&](const json::Value& element, std::string at) {
    mounts.push_back(read_mount(element, std::move(at), faults));
  });
  std::set<std::string> targets;
  for (const VolumeSpec& volume : volumes) {
    targets.insert(volume.target);
  }
  for (const MountSpec& mount : mounts) {
    if (!mount.target.empty() && !targets.insert(mount.target).second) {
      spec.fault("mounts",
                 fmt::format("must have different targets, and none of a volume; \"{}\" stands "
                             "twice",
                             mount.target));
    }
  }
  return mounts;
}

json::Value to_json(const MountSpec& mount) {
  json::Object object{{"type", to_string(mount.kind)}, {"target", mount.target}};
  if (mount.kind == MountSpec::Kind::bind) {
    object.set("source", mount.source);
    if (mount.read_only) {
      object.set("read_only", true);
    }
    return object;
  }
  if (mount.size_mib != MountSpec::kUsualSizeMib) {
    object.set("size_mib", mount.size_mib);
  }
  if (mount.mode != MountSpec::kUsualMode) {
    object.set("mode", mount.mode);
  }
  return object;
}

}  // namespace drover
