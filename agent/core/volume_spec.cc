#include "agent/core/volume_spec.h"

#include <set>
#include <utility>

#include "agent/core/ids.h"
#include "agent/core/json_members.h"
#include "agent/core/program_fields.h"

namespace drover {
namespace {

constexpr std::size_t kMostVolumes = 32;

void read_standing_volume(Fields& fields, const std::string& from) {
  if (!VolumeName::parse(from)) {
    fields.fault("from", "must be 1 to 63 of a-z, 0-9 and '-', no '-' first or last");
  }
  for (const std::string_view own : {"storage", "size_mib"}) {
    if (fields.has(own)) {
      fields.fault(own, "must not be given together with from: the volume has its own");
    }
  }
}

VolumeSpec read_volume(const json::Value& value, std::string pointer, Faults& faults) {
  Fields fields(value, std::move(pointer), faults);
  VolumeSpec volume;
  fields.require("name");
  volume.name = fields.string("name");
  if (value.at("name").string() != nullptr) {
    if (Result<ContainerName> name = ContainerName::parse(volume.name); !name) {
      fields.fault("name", "must be 1 to 63 of a-z, 0-9 and '-', no '-' first or last");
    }
  }
  fields.require("target");
  volume.target = read_path(fields, "target");
  if (volume.target == "/") {
    fields.fault("target", "must not be the root itself");
  }
  volume.from = fields.string("from");
  volume.storage = fields.string("storage");
  volume.size_mib = static_cast<std::uint64_t>(fields.integer("size_mib", 0, 1, kMostVolumeMib));
  if (!volume.from.empty()) {
    read_standing_volume(fields, volume.from);
  }
  volume.read_only = fields.boolean("read_only", false);
  fields.finish();
  return volume;
}

}  // namespace

bool is_local_storage(std::string_view storage) {
  return storage == "local-folder" || storage == "local-image" || storage == "local-xfs" ||
         storage == "local-btrfs" || storage == "local-thin";
}

std::vector<VolumeSpec> read_volumes(Fields& fields, Faults& faults) {
  std::vector<VolumeSpec> volumes;
  fields.each("volumes", kMostVolumes, [&](const json::Value& element, std::string at) {
    volumes.push_back(read_volume(element, std::move(at), faults));
  });
  std::set<std::string> names;
  std::set<std::string> targets;
  for (const VolumeSpec& volume : volumes) {
    if (!volume.name.empty() && !names.insert(volume.name).second) {
      fields.fault("volumes",
                   fmt::format("must have different names; \"{}\" stands twice", volume.name));
    }
    if (!volume.target.empty() && !targets.insert(volume.target).second) {
      fields.fault("volumes",
                   fmt::format("must have different targets; \"{}\" stands twice", volume.target));
    }
  }
  return volumes;
}

json::Value to_json(const VolumeSpec& volume) {
  json::Object object{{"name", volume.name}, {"target", volume.target}};
  set_unless_empty(object, "from", volume.from);
  set_unless_empty(object, "storage", volume.storage);
  if (volume.size_mib != 0) {
    object.set("size_mib", volume.size_mib);
  }
  if (volume.read_only) {
    object.set("read_only", true);
  }
  return object;
}

}  // namespace drover
