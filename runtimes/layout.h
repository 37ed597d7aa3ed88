// The on-disk tree of a node. Every path of Drover's own is made here.
//
//   STATE (/var/lib/drover)         survives a reboot
//     journal.db                    jobs, steps, events, containers
//     containers/NAME/              0700, of one container:
//       bundle/config.json          OCI bundle of runc and crun; LXC's is lxc/NAME/config
//       rootfs/                     overlay mount
//       upper/ work/                the overlay's own
//       roots/JOB/upper/ work/      the same since that job has given it another image
//       snapshots/NAME/             copies of what is written to its root (root_snapshots.h)
//       volumes/VOLUME/             mount points
//       binds/N                     the same of its bind mounts, in their order, from 0 on
//       names/                      its resolv.conf, hosts and hostname
//       log                         lines of the container, k8s-file format (conmon(8)); of a guest
//                                   its terminal's, as LXC logs it
//       log.1 log.2 ...             what was before that (log_parts.h)
//       monitor.log                 what conmon or drover-lxc said
//       checkpoint/                 of its processes: memory, too (oci/checkpoint_folder.h)
//       checkpoint.begun/           the same while it is made
//     exits/NAME                    decimal exit code, written by conmon or drover-lxc
//     records/NAME.json             what a container is made of, should the journal be lost
//     records/boot                  boot_id(5) of when these were last true
//     records/node                  its own bridges, and whether it is drained, for the same
//     secrets/NAME                  values that only root reads, made by `drover secret create`
//     sdn-lock                      while this node has the cluster's lock of its SDN: the token
//     deleted/JOB.log               log of a deleted container, by the job that had made it
//     images/                       unpacked images, by digest
//       layers/                       what their roots are made of, each once (image_layers.h)
//       blobs/                      what was fetched of registries and archives, by digest
//     uploads/                      archives that clients send (upload_streams.h)
//     volumes/                      volumes of the node's own storages, local-...
//     volume-records/               what volumes that outlive containers are, for a lost journal
//     lxc/                          lxcpath of the runtime lxc
//     jobs/ID/log                   what a container.exec job printed; log.1 ... before that
//     execs/ID/                     of its program, while that runs (sessions/session_files.h)
//     cni/                          addresses given out by host-local
//     ipam/VNET/ADDRESS             addresses that Proxmox keeps for containers of this node
//   RUN (/run/drover)               gone after a reboot
//     runc/ crun/                   the runtimes' own state
//     pids/NAME                     pid files; of its monitor NAME.monitor; and the start times
//                                   (proc_pid_stat(5)) of both, by their name and ".start"
//     cni/NAME/INTERFACE            what CNI plugins were told and have answered (plugin_chain.h)
//     secrets/NAME                  memory with a container's secrets, while its runtime takes
//                                   them from there
//     growing/VOLUME                locked while its file system is grown; CONTAINER.VOLUME for
//                                   one that goes with its container
//     inputs/SESSION                how much of what a client sends a program has read of it
//                                   (input_record.h)
//     bus/                          sockets of drover-front, 0700
//     user-namespaces/NAME.FIRST    pins the user namespace of a container with users of its own,
//     by
//                                   the first of them
//     views/NAME/                   of such a one: rootfs, volumes, binds and names as mounted for
//                                   its users (user_view.h), 0710 to its own root
//     claims/NAME                   of a singleton (claim_file.h)
//     dhcp.sock                     of the daemon that keeps leases of DHCP servers (dhcp_daemon.h)
//     droverd.lock                  one agent a node
#pragma once

#include "agent/core/container_spec.h"
#include "agent/core/ids.h"
#include "agent/system/file.h"

namespace drover::runtimes {

using system::Path;

struct Layout {
  Path state = "/var/lib/drover";
  Path run = "/run/drover";

  Path journal() const { return state / "journal.db"; }
  Path containers() const { return state / "containers"; }
  Path container(const ContainerName& name) const { return containers() / name.str(); }
  Path bundle(const ContainerName& name) const { return container(name) / "bundle"; }
  Path rootfs(const ContainerName& name) const { return container(name) / "rootfs"; }
  /// Where what is written to its root lies, and the overlay's own folder, beside each other: "" is
  /// what it was made with, any other the job that has given it another image.
  Path root_layers(const ContainerName& name, const std::string& key) const {
    return key.empty() ? container(name) : roots(name) / key;
  }
  Path roots(const ContainerName& name) const { return container(name) / "roots"; }
  Path snapshots(const ContainerName& name) const { return container(name) / "snapshots"; }
  Path volume_mount(const ContainerName& name, const std::string& volume) const {
    return container(name) / "volumes" / volume;
  }
  Path bind_mounts(const ContainerName& name) const { return container(name) / "binds"; }
  Path bind_mount(const ContainerName& name, const std::string& number) const {
    return bind_mounts(name) / number;
  }
  Path names(const ContainerName& name) const { return container(name) / "names"; }
  Path log(const ContainerName& name) const { return container(name) / "log"; }
  Path checkpoint(const ContainerName& name) const { return container(name) / "checkpoint"; }
  Path checkpoint_begun(const ContainerName& name) const {
    return container(name) / "checkpoint.begun";
  }
  Path exits() const { return state / "exits"; }
  Path exit_file(const ContainerName& name) const { return exits() / name.str(); }
  Path records() const { return state / "records"; }
  /// Of volumes that outlive containers, by name; for a journal that was lost.
  Path volume_records() const { return state / "volume-records"; }
  Path record(const ContainerName& name) const { return records() / (name.str() + ".json"); }
  Path boot_of_records() const { return records() / "boot"; }
  Path node_record() const { return records() / "node"; }
  Path secret_store() const { return state / "secrets"; }
  Path laid_out_secrets() const { return run / "secrets"; }
  Path sdn_lock() const { return state / "sdn-lock"; }
  Path kept_logs() const { return state / "deleted"; }
  Path kept_log(const JobId& job) const { return kept_logs() / (job.str() + ".log"); }
  Path images() const { return state / "images"; }
  /// `digest`: "sha256:" and 64 hexadecimal digits.
  Path image(const std::string& digest) const {
    return images() / ("sha256-" + digest.substr(digest.find(':') + 1));
  }
  /// It stands for the image's root: the root itself where that is in one piece, and an empty
  /// folder where it is in layers.
  Path image_root(const std::string& digest) const { return image(digest) / "rootfs"; }
  Path image_layers() const { return images() / "layers"; }
  /// "blobs" of an image layout (OCI image spec): what was fetched of registries and archives.
  Path image_blobs() const { return images() / "blobs"; }
  Path uploads() const { return state / "uploads"; }
  Path local_volumes() const { return state / "volumes"; }
  Path lxc() const { return state / "lxc"; }
  Path job_logs() const { return state / "jobs"; }
  Path job_log(const JobId& job) const { return job_logs() / job.str() / "log"; }
  Path sessions() const { return state / "execs"; }
  Path session(const JobId& job) const { return sessions() / job.str(); }
  Path cni() const { return state / "cni"; }
  Path cni_chains() const { return run / "cni"; }
  Path ipam() const { return state / "ipam"; }
  Path dhcp_socket() const { return run / "dhcp.sock"; }
  Path runtime_root(RuntimeKind kind) const { return run / std::string(to_string(kind)); }
  Path pids() const { return run / "pids"; }
  Path pid_file(const ContainerName& name) const { return pids() / name.str(); }
  Path claims() const { return run / "claims"; }
  Path claim(const ContainerName& name) const { return claims() / name.str(); }
  Path bus() const { return run / "bus"; }
  Path inputs() const { return run / "inputs"; }
  Path lock() const { return run / "droverd.lock"; }
  Path user_namespaces() const { return run / "user-namespaces"; }
  /// `first`: Container::users.
  Path user_namespace(const ContainerName& name, std::uint32_t first) const {
    return user_namespaces() / fmt::format("{}.{}", name.str(), first);
  }
  Path views() const { return run / "views"; }
  Path view(const ContainerName& name) const { return views() / name.str(); }
  /// Locked while the file system of a volume that outlives containers is made larger.
  Path growing(const std::string& volume) const { return run / "growing" / volume; }
  /// The same of one that goes with its container. No volume's name has a dot.
  Path growing(const ContainerName& container, const std::string& volume) const {
    return growing(container.str() + "." + volume);
  }
  /// Where ip-netns(8) keeps named network namespaces; ours are "drover-NAME".
  static Path netns(const ContainerName& name) {
    return Path("/run/netns") / ("drover-" + name.str());
  }
};

}  // namespace drover::runtimes
