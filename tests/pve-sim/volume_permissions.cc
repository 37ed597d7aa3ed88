#include "tests/pve-sim/volume_permissions.h"

#include "tests/pve-sim/backup_tasks.h"
#include "tests/pve-sim/guest_config.h"

namespace drover::pve_sim {
namespace {

/// "backup", "vztmpl", or "" for a guest's.
std::string kind_of(const std::string& volid) {
  const std::string name = volid.substr(volid.find(':') + 1);
  for (const char* kind : {"backup", "vztmpl", "iso"}) {
    if (name.starts_with(std::string(kind) + "/")) {
      return kind;
    }
  }
  return "";
}

std::string owner_of(const std::string& volid) {
  const std::string name = volid.substr(volid.find(':') + 1);
  return kind_of(volid) == "backup" ? guest_of_backup(name) : name.substr(0, name.find('/'));
}

std::string first_lacking(const std::string& path, const char* privilege,
                          const std::string& other_path, const char* other_privilege,
                          const Has& has) {
  if (!has(path, privilege)) {
    return permission_failed(path + ", " + privilege);
  }
  return has(other_path, other_privilege) ? ""
                                          : permission_failed(other_path + ", " + other_privilege);
}

}  // namespace

std::string volume_refusal(const std::string& volid, const std::string& vmid, const Has& has) {
  const std::string storage = "/storage/" + storage_of(volid);
  if (has(storage, "Datastore.Allocate")) {
    return "";
  }
  const std::string kind = kind_of(volid);
  const std::string owner = owner_of(volid);
  if (kind == "vztmpl" || kind == "iso") {
    return has(storage, "Datastore.AllocateSpace") || has(storage, "Datastore.Audit")
               ? ""
               : permission_failed(storage + ", Datastore.AllocateSpace|Datastore.Audit");
  }
  if (!vmid.empty() && owner == vmid) {
    return "";
  }
  return kind == "backup"
             ? first_lacking(storage, "Datastore.AllocateSpace", "/vms/" + owner, "VM.Backup", has)
             : first_lacking(storage, "Datastore.Audit", "/vms/" + owner, "VM.Config.Disk", has);
}

std::string deletion_refusal(const std::string& volid, const Has& has) {
  const std::string storage = "/storage/" + storage_of(volid);
  if (kind_of(volid) == "backup") {
    return first_lacking(storage, "Datastore.AllocateSpace", "/vms/" + owner_of(volid), "VM.Backup",
                         has);
  }
  return has(storage, "Datastore.Allocate") ? ""
                                            : permission_failed(storage + ", Datastore.Allocate");
}

}  // namespace drover::pve_sim
