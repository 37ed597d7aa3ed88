#include "agent/cli/run_options.h"

#include <CLI/App.hpp>
#include <iterator>
#include <utility>

#include "agent/cli/container_name.h"
#include "agent/cli/mount_options.h"
#include "agent/cli/secret_options.h"
#include "agent/cli/spec_file.h"
#include "agent/cli/spec_options.h"

namespace drover::cli {
namespace {

void set_unless_empty(std::string& member, const std::string& option) {
  if (!option.empty()) {
    member = option;
  }
}

Result<> set_root(const RunOptions& options, ContainerSpec& spec) {
  if (!options.image.empty() && !options.rootfs.empty()) {
    return fail(Code::invalid, "--image and --rootfs: only one of them");
  }
  if (!options.image.empty()) {
    spec.image = options.image;
    spec.rootfs.clear();
  }
  if (!options.rootfs.empty()) {
    spec.rootfs = options.rootfs;
    spec.image.clear();
  }
  if (!options.runtime.empty()) {
    spec.runtime = runtime_kind_from(options.runtime);
  }
  return {};
}

Result<> set_process(const RunOptions& options, ContainerSpec& spec) {
  if (!options.command.empty()) {
    spec.command = options.command;
  }
  for (auto& [name, value] : TRY(read_pairs("--env", options.env))) {
    spec.env[name] = value;
  }
  for (auto& [name, value] : TRY(read_pairs("--label", options.labels))) {
    spec.labels[name] = value;
  }
  set_unless_empty(spec.user, options.user);
  set_unless_empty(spec.cwd, options.workdir);
  set_unless_empty(spec.hostname, options.hostname);
  if (options.singleton) {
    spec.singleton = kOwnClaim;
  }
  if (!options.stop_signal.empty()) {
    spec.stop_signal = signal_from(options.stop_signal).value_or(0);
  }
  if (options.grace_s) {
    spec.stop_grace = std::chrono::seconds(*options.grace_s);
  }
  return {};
}

Result<> set_resources(const RunOptions& options, ContainerSpec& spec) {
  for (const std::string& text : options.volumes) {
    spec.volumes.push_back(TRY(read_volume(text)));
  }
  for (const std::string& text : options.mounts) {
    if (names_mount_type(text)) {
      spec.mounts.push_back(TRY(read_typed_mount(text)));
    } else {
      spec.volumes.push_back(TRY(read_mount(text)));
    }
  }
  for (const std::string& text : options.tmpfs) {
    spec.mounts.push_back(TRY(read_tmpfs(text)));
  }
  for (const std::string& text : options.secrets) {
    spec.secrets.push_back(TRY(read_secret_option(text)));
  }
  if (!options.memory.empty()) {
    spec.resources.memory_mib = TRY(read_size("--memory", options.memory));
  }
  if (!options.swap.empty()) {
    spec.resources.swap_mib = TRY(read_size("--swap", options.swap));
  }
  set_unless_empty(spec.resources.cpuset, options.cpuset);
  if (options.cpu_shares != 0) {
    spec.resources.cpu_shares = options.cpu_shares;
  }
  if (options.cpus != 0) {
    spec.resources.cpus = options.cpus;
  }
  if (options.pids != 0) {
    spec.resources.pids = options.pids;
  }
  if (!options.disk.empty()) {
    spec.resources.disk_mib = TRY(read_size("--disk", options.disk));
  }
  return {};
}

Result<> set_keeping(const RunOptions& options, ContainerSpec& spec) {
  if (!options.restart.empty()) {
    const RestartPolicy policy = TRY(read_restart(options.restart));
    spec.restart.when = policy.when;
    spec.restart.max_attempts = policy.max_attempts;
  }
  if (!options.exempt_codes.empty()) {
    if (spec.restart.when == RestartPolicy::When::never) {
      return fail(Code::invalid,
                  "--restart-exempt: goes with --restart on-failure or --restart always; without "
                  "them it stays stopped after every exit code");
    }
    spec.restart.exempt_codes = options.exempt_codes;
  }
  std::vector<ProbeSpec> probes = TRY(read_probes(options.probes));
  std::move(probes.begin(), probes.end(), std::back_inserter(spec.probes));
  return {};
}

Result<> set_input(const RunOptions& options, ContainerSpec& spec) {
  if (options.verb == Verb::container_run) {
    TRY(check_input(options.input));
    if (options.remove && !options.follows()) {
      return fail(Code::invalid, "--rm: goes with --wait, --interactive or --tty");
    }
  }
  spec.input = spec.input || options.input.input;
  if (options.input.terminal) {
    spec.terminal = true;
    add_terminal_kind(spec.env);
  }
  return {};
}

}  // namespace

Result<JobRequest> run_request(const RunOptions& options) {
  ContainerSpec spec;
  if (!options.file.empty()) {
    spec = TRY(read_spec_file(options.file));
  }
  TRY(set_root(options, spec));
  TRY(set_process(options, spec));
  TRY(set_resources(options, spec));
  TRY(set_confinement(options.confinement, spec));
  TRY(set_network(options.network, spec));
  TRY(set_keeping(options, spec));
  TRY(set_input(options, spec));
  JobRequest request = TRY(make_request(
      options.verb, options.name.empty() ? generate_name() : options.name, options.flags));
  if (!options.id.empty()) {
    request.id = TRY(JobId::parse(options.id));
  }
  request.spec = std::move(spec);
  TRY(check_request(request));
  return request;
}

void add_container_options(CLI::App& command, RunOptions& options) {
  const auto many = [&](const char* name, std::vector<std::string>& values, const char* type,
                        const char* text) {
    command.add_option(name, values, text)->type_name(type)->allow_extra_args(false);
  };
  const auto text = [&](const char* name, std::string& value, const char* type, const char* help) {
    return command.add_option(name, value, help)->type_name(type);
  };
  command.positionals_at_end();
  text("--name", options.name, "NAME", "The container's name (default: a generated one)");
  text("--runtime", options.runtime, "KIND",
       "runc, crun, lxc or pve-lxc (default: by the node's rules)")
      ->check(CLI::IsMember({"runc", "crun", "lxc", "pve-lxc"}));
  text("--image", options.image, "IMAGE",
       "oci:/LAYOUT:TAG, docker://HOST/REPOSITORY:TAG, oci-archive:/FILE, docker-archive:/FILE, "
       "template:/FILE, pushed:NAME:TAG or STORAGE:vztmpl/FILE; for pve-lxc the last, a backup or "
       "container:NAME[@SNAPSHOT] (default: the node's)");
  text("--rootfs", options.rootfs, "PATH", "A folder of the node as root, left unchanged");
  text("--file", options.file, "SPEC.json", "A spec to begin with; other options change it")
      ->check(CLI::ExistingFile);
  many("-e,--env", options.env, "NAME=VALUE", "Environment; may be repeated");
  many("-v,--volume", options.volumes, "NAME:TARGET[:SIZE[:STORAGE]][:ro]",
       "A new volume that goes with the container; may be repeated");
  many("--mount", options.mounts, "VOLUME:TARGET[:ro]",
       "A volume that outlives containers (`drover volume`); or a folder of the node as "
       "type=bind,source=PATH,target=PATH[,readonly]; may be repeated");
  many("--tmpfs", options.tmpfs, "TARGET[,size=SIZE][,mode=MODE]",
       "Memory in place of a disk, 64M unless it is told; may be repeated");
  many("--secret", options.secrets, "NAME[,target=PATH][,uid=N][,gid=N][,mode=MODE]",
       "A secret of the node (`drover secret`) as a file, /run/secrets/NAME unless told; may be "
       "repeated");
  text("-m,--memory", options.memory, "SIZE", "Limit, as 256M or 2G")->check(size_fault);
  text("--swap", options.swap, "SIZE", "That much swap beside the limit of memory (default: none)")
      ->check(size_fault);
  command.add_option("--cpus", options.cpus, "Limit in cores' worth of time, as 0.5")
      ->check(CLI::Range(0.01, 1024.0))
      ->type_name("NUMBER");
  text("--cpuset", options.cpuset, "LIST", "The node's CPUs that it may run on, as 0-1,3");
  command
      .add_option("--cpu-shares", options.cpu_shares,
                  "Against others that want the same CPUs, who usually have 1024")
      ->check(CLI::Range(2, 262144))
      ->type_name("NUMBER");
  command.add_option("--pids", options.pids, "Limit of processes")
      ->check(CLI::Range(1, 4194304))
      ->type_name("NUMBER");
  text("--disk", options.disk, "SIZE", "Size of the root disk of a guest of Proxmox, as 8G")
      ->check(size_fault);
  text("-u,--user", options.user, "USER", "uid[:gid] or a name in the image");
  text("-w,--workdir", options.workdir, "PATH", "Working folder inside");
  text("--hostname", options.hostname, "NAME", "Host name inside (default: the container's name)");
  command.add_flag("--singleton", options.singleton, "Run it at most once in the whole cluster");
  many("-l,--label", options.labels, "NAME=VALUE", "A label; may be repeated");
  text("--stop-signal", options.stop_signal, "SIGNAL", "What asks it to end (default: the image's)")
      ->check(signal_fault);
  command.add_option("--grace", options.grace_s, "Seconds between that and SIGKILL (default: 10)")
      ->check(CLI::Range(0, 86400))
      ->type_name("SECONDS");
  text("--restart", options.restart, "POLICY",
       "Whether it is started again when it ends: never, on-failure[:MOST] or always[:MOST], MOST "
       "restarts in a row (default: never)");
  command
      .add_option("--restart-exempt", options.exempt_codes,
                  "Exit codes after which it stays stopped, as 3,4")
      ->delimiter(',')
      ->check(CLI::Range(0, 255))
      ->allow_extra_args(false)
      ->type_name("CODES");
  command.add_flag("-i,--interactive", options.input.input,
                   "It reads what it is given: by run our standard input, later by attach");
  command.add_flag("-t,--tty", options.input.terminal,
                   "It has a terminal, which with -i is that of who is attached");
  add_confinement_options(command, options.confinement);
  add_network_options(command, options.network);
  add_probe_options(command, options.probes);
  text("--id", options.id, "ID", "The job's id: the same id again is the same job");
  add_job_flags(command, options.flags);
  command.add_option("CMD", options.command, "Program and arguments instead of the image's");
}

void add_wait_options(CLI::App& command, RunOptions& options) {
  command.add_flag("--wait", options.wait,
                   "Follow its output, and exit as it exits; Ctrl-C stops it");
  command.add_flag("--rm", options.remove, "Delete it when it has ended; with --wait, -i or -t");
  add_detach_keys(command, options.input);
}

}  // namespace drover::cli
