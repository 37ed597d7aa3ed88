#include "agent/core/config/storage.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "agent/core/ascii.h"
#include "agent/core/volume_spec.h"

namespace drover {
namespace {

/// What LVM takes for a name of a group or a volume (lvm(8)).
bool is_lvm_name(std::string_view text) {
  constexpr std::size_t kMost = 127;
  return !text.empty() && text.size() <= kMost && text.front() != '-' && text != "." &&
         text != ".." && std::all_of(text.begin(), text.end(), [](char c) {
           return is_alphanumeric(c) || std::string_view("+_.-").find(c) != std::string_view::npos;
         });
}

void read_thin_pool(Fields& fields, StorageConfig& storage) {
  const std::string text = fields.string("thin_pool");
  const std::size_t slash = std::min(text.find('/'), text.size());
  storage.thin_group = text.substr(0, slash);
  storage.thin_pool = text.substr(std::min(slash + 1, text.size()));
  if (!text.empty() && (!is_lvm_name(storage.thin_group) || !is_lvm_name(storage.thin_pool))) {
    fields.fault("thin_pool", "must be GROUP/POOL, a thin pool of LVM as lvs names it");
  }
  if (text.empty() && storage.default_storage == "local-thin") {
    fields.fault("default", "local-thin needs thin_pool, which names no pool");
  }
}

}  // namespace

StorageConfig read_storage_section(const json::Value& value, std::string at, Faults& faults) {
  Fields fields(value, std::move(at), faults);
  StorageConfig storage;
  storage.default_storage = fields.string("default", storage.default_storage);
  storage.guest_storage = fields.string("guest_storage", storage.guest_storage);
  if (is_local_storage(storage.guest_storage)) {
    fields.fault("guest_storage", "must be a storage of Proxmox VE");
  }
  storage.guest_root_mib = fields.integer("guest_root_mib", storage.guest_root_mib, 16, 1 << 30);
  storage.template_storages = fields.strings("template_storages");
  read_thin_pool(fields, storage);
  fields.finish();
  return storage;
}

}  // namespace drover
