#include "agent/jobs/reconcile/inventory.h"

#include <filesystem>
#include <memory>
#include <utility>

#include "agent/system/log.h"
#include "runtimes/guest/guest_output.h"
#include "runtimes/leftovers.h"

namespace drover::jobs {
namespace {

using runtimes::Leftover;
using system::Stop;

/// What a runtime itself calls a container: Proxmox knows guests by their numbers, and lets several
/// have one name.
std::string name_of(const runtimes::Found& found) {
  return found.vmid ? std::to_string(found.vmid->value) : found.name;
}

std::optional<Vmid> vmid_of(const Thing& thing) {
  if (thing.name == thing.container) {
    return std::nullopt;
  }
  return Vmid{static_cast<std::uint32_t>(json::Value(thing.name).integer_or(0))};
}

/// A container that the runtime has and that carries no stamp is somebody else's. It is told with
/// an empty job, and what has its name is left alone with it.
Part containers_of(runtimes::Runtime& runtime) {
  const std::string place(to_string(runtime.kind()));
  const auto list = [&runtime, place](const Stop& stop) -> Result<Listing> {
    const std::vector<runtimes::Found> all = TRY(runtime.inventory(stop));
    Listing listing{{}, {place}};
    for (const runtimes::Found& found : all) {
      if (ContainerName::parse(found.name)) {
        listing.things.push_back({"container", place, name_of(found), found.name, found.job});
      }
    }
    return listing;
  };
  const auto remove = [&runtime](const Thing& thing, const MayGo&, const Stop& stop) -> Result<> {
    const ContainerName name = TRY(ContainerName::parse(thing.container));
    const JobId job = TRY(JobId::parse(thing.job));
    const runtimes::Container container{name, job, runtime.kind(), {}, {}, {},
                                        {},   {},  vmid_of(thing)};
    return runtime.remove(container, true, stop);
  };
  return {"containers of " + place, "container", place, list, remove};
}

/// `place`: the one storage that the source knows, "" for one with several.
Part volumes_of(runtimes::VolumeSource& source, const std::string& label,
                const std::string& place) {
  const auto list = [&source](const Stop& stop) -> Result<Listing> {
    runtimes::FoundVolumes all = TRY(source.inventory(stop));
    Listing listing{{}, std::move(all.storages)};
    for (const runtimes::FoundVolume& found : all.volumes) {
      listing.things.push_back({"volume", found.storage, found.id, found.container, found.job});
    }
    return listing;
  };
  const auto remove = [&source](const Thing& thing, const MayGo&, const Stop& stop) {
    return source.release_found({thing.place, thing.name, thing.container, thing.job}, stop);
  };
  return {label, "volume", place, list, remove};
}

/// Things that are paths, told by the name of their container alone.
Part leftovers(std::string label, std::string kind,
               std::function<Result<std::vector<Leftover>>()> find, decltype(Part::remove) remove) {
  const auto list = [kind, find = std::move(find)](const Stop& stop) -> Result<Listing> {
    TRY(stop.check("list what is left of containers"));
    const std::vector<Leftover> all = TRY(find());
    Listing listing{{}, {""}};
    for (const Leftover& leftover : all) {
      listing.things.push_back({kind, "", leftover.path, leftover.container, ""});
    }
    return listing;
  };
  return {std::move(label), std::move(kind), "", list, std::move(remove)};
}

Result<> remove_path(const Thing& thing, const MayGo&, const Stop&) {
  return system::remove_tree(thing.name);
}

Part interfaces_of(runtimes::Networks& networks) {
  const auto list = [&networks](const Stop& stop) -> Result<Listing> {
    const std::vector<runtimes::FoundInterface> all = TRY(networks.inventory(stop));
    Listing listing{{}, {""}};
    for (const runtimes::FoundInterface& found : all) {
      listing.things.push_back({"interface", "", found.host_interface, found.container, found.job});
    }
    return listing;
  };
  const auto remove = [&networks](const Thing& thing, const MayGo&, const Stop& stop) {
    return networks.remove_interface({thing.name, thing.container, thing.job}, stop);
  };
  return {"interfaces", "interface", "", list, remove};
}

Part namespaces_of(runtimes::Networks& networks) {
  const auto list = [&networks](const Stop& stop) -> Result<Listing> {
    TRY(stop.check("list network namespaces"));
    const std::vector<std::string> all = TRY(networks.namespaces());
    Listing listing{{}, {""}};
    for (const std::string& container : all) {
      listing.things.push_back({"netns", "", "drover-" + container, container, ""});
    }
    return listing;
  };
  const auto remove = [&networks](const Thing& thing, const MayGo&, const Stop& stop) -> Result<> {
    const ContainerName name = TRY(ContainerName::parse(thing.container));
    return networks.remove_namespace(name, stop);
  };
  return {"network namespaces", "netns", "", list, remove};
}

Part addresses_of(runtimes::Networks& networks) {
  const auto list = [&networks](const Stop& stop) -> Result<Listing> {
    TRY(stop.check("list addresses"));
    const std::vector<runtimes::FoundAddress> all = TRY(networks.addresses());
    Listing listing{{}, {""}};
    for (const runtimes::FoundAddress& found : all) {
      listing.things.push_back({"address", "", found.file, found.container, ""});
    }
    return listing;
  };
  const auto remove = [&networks](const Thing& thing, const MayGo&, const Stop&) {
    return networks.release_address({thing.name, thing.container});
  };
  return {"addresses", "address", "", list, remove};
}

/// Those that Proxmox keeps.
Part leases_of(runtimes::Leases& leases) {
  const auto told = std::make_shared<std::set<std::string>>();
  const auto list = [&leases, told](const Stop& stop) -> Result<Listing> {
    TRY(stop.check("list leases"));
    const std::vector<runtimes::FoundLease> all = TRY(leases.inventory());
    Listing listing{{}, {""}};
    for (const runtimes::FoundLease& found : all) {
      listing.things.push_back({"lease", "", found.file, found.container, found.job});
      // Also of one that a container has, and that therefore is no leak.
      if (!found.damage.empty() && told->insert(found.file).second) {
        system::log_warning("{}; nobody is given that address", found.damage);
      }
    }
    return listing;
  };
  const auto remove = [&leases](const Thing& thing, const MayGo&, const Stop& stop) {
    return leases.give_back(runtimes::FoundLease{thing.name, thing.container, thing.job}, stop);
  };
  return {"leases", "lease", "", list, remove};
}

Part images_of(runtimes::ImageStore& images) {
  const auto list = [&images](const Stop& stop) -> Result<Listing> {
    TRY(stop.check("list images"));
    const std::vector<system::Path> all = TRY(images.unfinished());
    Listing listing{{}, {""}};
    for (const system::Path& folder : all) {
      listing.things.push_back({"image", "", folder, "", ""});
    }
    return listing;
  };
  const auto remove = [&images](const Thing& thing, const MayGo&, const Stop&) {
    return images.remove_unfinished(thing.name);
  };
  return {"half unpacked images", "image", "", list, remove};
}

/// Images that a name was taken from, or given another of, while containers had them.
Part image_roots_of(runtimes::ImageStore& images) {
  const auto list = [&images](const Stop& stop) -> Result<Listing> {
    TRY(stop.check("list images"));
    const std::vector<std::string> all = TRY(images.digests());
    Listing listing{{}, {""}};
    for (const std::string& digest : all) {
      listing.things.push_back({"root", "", digest, "", ""});
    }
    return listing;
  };
  const auto remove = [&images](const Thing& thing, const MayGo& may_go, const Stop& stop) {
    return images.remove(thing.name, may_go, stop);
  };
  return {"unpacked images", "root", "", list, remove};
}

/// By which Proxmox's guests of containers are started (guest_output.h).
Part drop_ins_in(const system::Path& units) {
  const auto list = [&units](const Stop& stop) -> Result<Listing> {
    TRY(stop.check("list units"));
    Listing listing{{}, {""}};
    for (const runtimes::FoundDropIn& found : runtimes::found_drop_ins(units)) {
      listing.things.push_back({"unit", "", found.file, found.container, found.job});
    }
    return listing;
  };
  const auto remove = [](const Thing& thing, const MayGo&, const Stop&) {
    return runtimes::remove_drop_in(thing.name);
  };
  return {"units", "unit", "", list, remove};
}

Part job_logs_of(const runtimes::Layout& layout) {
  const auto list = [&layout](const Stop& stop) -> Result<Listing> {
    TRY(stop.check("list logs of jobs"));
    const std::vector<std::string> all = TRY(runtimes::job_logs(layout));
    Listing listing{{}, {""}};
    for (const std::string& job : all) {
      listing.things.push_back({"log", "", layout.job_logs() / job, "", job});
    }
    return listing;
  };
  return {"logs of jobs", "log", "", list, remove_path};
}

}  // namespace

std::vector<Part> inventory_parts(const Node& node) {
  const runtimes::Layout& layout = node.layout;
  std::vector<Part> parts;
  for (const auto& [kind, runtime] : node.runtimes) {
    parts.push_back(containers_of(*runtime));
  }
  parts.push_back(leftovers(
      "mounts", "mount", [&layout] { return runtimes::container_mounts(layout); },
      [](const Thing& thing, const MayGo&, const Stop& stop) {
        return runtimes::unmount_volume(thing.name, stop);
      }));
  parts.push_back(interfaces_of(node.networks));
  parts.push_back(namespaces_of(node.networks));
  parts.push_back(addresses_of(node.networks));
  if (node.leases != nullptr) {
    parts.push_back(leases_of(*node.leases));
  }
  parts.push_back(volumes_of(node.local_volumes, "volumes in folders", "local-folder"));
  parts.push_back(volumes_of(node.local_images, "volumes in files", "local-image"));
  for (const auto& [storage, source] : node.other_volumes) {
    parts.push_back(volumes_of(*source, "volumes on " + storage, storage));
  }
  if (node.proxmox_volumes != nullptr) {
    parts.push_back(volumes_of(*node.proxmox_volumes, "volumes of Proxmox", ""));
  }
  if (node.config.proxmox.enabled) {
    parts.push_back(drop_ins_in(node.config.proxmox.unit_folder));
  }
  parts.push_back(leftovers(
      "folders", "folder", [&layout] { return runtimes::container_folders(layout); }, remove_path));
  parts.push_back(leftovers(
      "exit files", "exit", [&layout] { return runtimes::exit_files(layout); }, remove_path));
  parts.push_back(leftovers(
      "pid files", "pid", [&layout] { return runtimes::pid_files(layout); }, remove_path));
  parts.push_back(images_of(node.images));
  parts.push_back(image_roots_of(node.images));
  parts.push_back(job_logs_of(layout));
  return parts;
}

}  // namespace drover::jobs
