#include "agent/core/config/storage.h"

#include <utility>

#include "agent/core/volume_spec.h"

namespace drover {

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
  fields.finish();
  return storage;
}

}  // namespace drover
