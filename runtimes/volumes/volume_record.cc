#include <algorithm>

#include "runtimes/volumes/volume.h"

namespace drover::runtimes {
namespace {

std::string_view to_string(VolumeKind kind) {
  switch (kind) {
    case VolumeKind::folder:
      return "folder";
    case VolumeKind::subvolume:
      return "subvolume";
    case VolumeKind::dataset:
      return "dataset";
    case VolumeKind::image:
      return "image";
    case VolumeKind::block:
      return "block";
    case VolumeKind::thin:
      return "thin";
    case VolumeKind::guest_disk:
      return "guest_disk";
  }
  return "";
}

}  // namespace

json::Value to_json(const Volume& volume) {
  json::Object record{{"name", volume.name},
                      {"storage", volume.storage},
                      {"id", volume.id},
                      {"path", volume.path.string()},
                      {"kind", to_string(volume.kind)},
                      {"size_mib", volume.size_mib}};
  if (!volume.file_system.empty()) {
    record.set("file_system", volume.file_system);
  }
  return record;
}

Result<Volume> volume_from_json(const json::Value& value) {
  Volume volume{
      std::string(value.at("name").string_or("")), std::string(value.at("storage").string_or("")),
      std::string(value.at("id").string_or("")), Path(std::string(value.at("path").string_or(""))),
      VolumeKind::folder,
      // Records of before this was written have none.
      static_cast<std::uint64_t>(std::max<std::int64_t>(0, value.at("size_mib").integer_or(0))),
      std::string(value.at("file_system").string_or(""))};
  const std::string_view kind = value.at("kind").string_or("");
  const bool needs_path = kind != to_string(VolumeKind::guest_disk);
  if (volume.name.empty() || volume.id.empty() || (needs_path && volume.path.empty())) {
    return fail(Code::broken, "the record of a volume lacks its name, id or path: {}",
                json::write(value));
  }
  for (const VolumeKind known :
       {VolumeKind::folder, VolumeKind::subvolume, VolumeKind::dataset, VolumeKind::image,
        VolumeKind::block, VolumeKind::thin, VolumeKind::guest_disk}) {
    if (kind == to_string(known)) {
      volume.kind = known;
      return volume;
    }
  }
  return fail(Code::broken, "the record of volume {} has the unknown kind \"{}\"", volume.name,
              kind);
}

}  // namespace drover::runtimes
