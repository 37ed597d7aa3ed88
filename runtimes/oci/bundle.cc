#include "runtimes/oci/bundle.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "runtimes/images/image_user.h"
#include "runtimes/oci/cgroup.h"
#include "runtimes/oci/confinement.h"

namespace drover::runtimes {
namespace {

constexpr std::string_view kPath =
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// The kernel's own default, in microseconds.
constexpr std::int64_t kCpuPeriod = 100'000;
constexpr std::int64_t kLeastCpuQuota = 1'000;

/// Sets the variable, which stands at most once: which of two a program takes is anybody's guess.
void put_variable(std::vector<std::string>& env, const std::string& variable) {
  const std::string start = variable.substr(0, variable.find('=') + 1);
  const auto there = std::find_if(
      env.begin(), env.end(), [&](const std::string& entry) { return entry.starts_with(start); });
  if (there != env.end()) {
    *there = variable;
  } else {
    env.push_back(variable);
  }
}

std::vector<std::string> environment_of(const Container& container) {
  std::vector<std::string> env{std::string(kPath)};
  for (const std::string& variable : container.image.env) {
    if (const std::size_t equals = variable.find('='); equals != 0 && equals != std::string::npos) {
      put_variable(env, variable);
    }
  }
  for (const auto& [name, value] : container.spec.env) {
    put_variable(env, name + "=" + value);
  }
  return env;
}

Result<std::vector<std::string>> arguments_of(const Container& container) {
  std::vector<std::string> args = container.spec.command;
  if (args.empty()) {
    args = container.image.entrypoint;
    args.insert(args.end(), container.image.command.begin(), container.image.command.end());
  }
  if (args.empty() || args.front().empty()) {
    return fail(Code::invalid, "container {}: neither its job nor its image names a program to run",
                container.name.str());
  }
  return args;
}

/// runc makes links and removes "ptmx" in whatever /dev of the root leads to, on the node
/// (setupDevSymlinks and setupPtmx of runc 1.1).
Result<> check_kernel_folders(const Path& rootfs) {
  for (const char* folder : {"/dev", "/proc", "/sys"}) {
    const Result<system::UniqueFd> there =
        system::open_in_root(rootfs, folder, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (!there && there.error().code == Code::not_found) {
      continue;  // the runtime makes it
    }
    if (!there) {
      return Failure(there.error());
    }
    struct stat facts {};
    if (fstat(there->get(), &facts) != 0 || !S_ISDIR(facts.st_mode)) {
      return fail(Code::refused,
                  "{} of its root is a {}; it must be a folder, because the runtime puts the "
                  "kernel's own files there",
                  folder, S_ISLNK(facts.st_mode) ? "link" : "file");
    }
  }
  return {};
}

std::string folder_of(const Container& container) {
  const std::string& folder = container.spec.cwd.empty() ? container.image.cwd : container.spec.cwd;
  return folder.starts_with('/') ? folder : "/" + folder;
}

}  // namespace

bool can_limit_swap() {
  std::error_code error;
  return std::filesystem::exists("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes", error) ||
         std::filesystem::exists("/sys/fs/cgroup/system.slice/memory.swap.max", error);
}

Resources whole_limits(Resources asked, const BundleOptions& options) {
  if (asked.memory_mib == 0) {
    asked.memory_mib = options.default_memory_mib;
  }
  if (asked.pids == 0) {
    asked.pids = options.default_pids;
  }
  return asked;
}

json::Object limits_of(const Resources& whole) {
  json::Object limits;
  if (whole.memory_mib != 0) {
    const std::uint64_t bytes = whole.memory_mib << 20;
    json::Object memory{{"limit", bytes}};
    if (can_limit_swap()) {
      // Memory and swap together: none of it may be swap.
      memory.set("swap", bytes);
    }
    limits.set("memory", std::move(memory));
  }
  if (whole.cpus > 0) {
    const auto quota = std::llround(whole.cpus * static_cast<double>(kCpuPeriod));
    limits.set("cpu", json::Object{{"period", kCpuPeriod},
                                   {"quota", std::max<std::int64_t>(quota, kLeastCpuQuota)}});
  }
  if (whole.pids != 0) {
    limits.set("pids", json::Object{{"limit", whole.pids}});
  }
  return limits;
}

void set_limits(Spec& spec, const Resources& whole) {
  const json::Object limits = limits_of(whole);
  const json::Value before = spec.document().at("linux").at("resources");
  for (const std::string_view key : {"memory", "cpu", "pids"}) {
    if (const json::Value* limit = limits.find(key)) {
      spec.set({"linux", "resources", key}, *limit);
    } else if (!before.at(key).is_null()) {
      spec.set({"linux", "resources", key}, json::Object());
    }
  }
}

Result<Spec> make_spec(const Container& container, const BundleOptions& options) {
  const ContainerSpec& wish = container.spec;
  Spec spec;
  TRY(check_kernel_folders(container.rootfs).context("container " + container.name.str()));
  const std::vector<std::string> args = TRY(arguments_of(container));
  const ImageUser user =
      TRY(find_image_user(container.rootfs, wish.user.empty() ? container.image.user : wish.user)
              .context("container " + container.name.str()));
  spec.set({"process", "terminal"}, false);
  spec.set_args(args);
  spec.set_env(environment_of(container));
  spec.set_cwd(folder_of(container));
  spec.set_user(user);
  spec.set({"process", "user", "umask"}, std::int64_t{kProgramUmask});
  spec.set_root(container.rootfs, false);
  spec.set_hostname(wish.hostname.empty() ? container.name.str() : wish.hostname);
  add_kernel_mounts(spec);
  for (const BindMount& mount : container.mounts) {
    spec.add_mount(mount.target, "bind", mount.source.native(),
                   {"rbind", "rprivate", "nosuid", "nodev", mount.read_only ? "ro" : "rw"});
  }
  set_capabilities(spec, user);
  confine(spec, container.netns);
  set_limits(spec, whole_limits(wish.resources, options));
  spec.set({"linux", "cgroupsPath"}, cgroup_of(container.name, options.systemd_cgroup));
  if (!options.seccomp_profile.empty()) {
    TRY(add_seccomp(spec, options.seccomp_profile));
  }
  spec.set_annotation(kNameAnnotation, container.name.str());
  spec.set_annotation(kJobAnnotation, container.job.str());
  TRY(spec.validate().context("container " + container.name.str()));
  return spec;
}

Result<> write_bundle(const Layout& layout, const Container& container,
                      const BundleOptions& options) {
  const Spec spec = TRY(make_spec(container, options));
  const Path bundle = layout.bundle(container.name);
  TRY(system::make_folders(bundle, 0700));
  return system::write_atomically(bundle / "config.json", spec.emit(), 0600);
}

Result<Spec> read_bundle(const Path& bundle) {
  const std::string text = TRY(system::read_file(bundle / "config.json"));
  return Spec::parse(text);
}

Result<json::Value> make_exec_process(Spec spec, const Path& rootfs, const ExecRequest& request) {
  if (request.command.empty() || request.command.front().empty()) {
    return fail(Code::invalid, "the command to execute names no program");
  }
  spec.set_args(request.command);
  std::vector<std::string> env = spec.env();
  for (const auto& [name, value] : request.env) {
    put_variable(env, name + "=" + value);
  }
  spec.set_env(env);
  if (!request.cwd.empty()) {
    spec.set_cwd(request.cwd);
  }
  if (!request.user.empty()) {
    const ImageUser user = TRY(find_image_user(rootfs, request.user));
    spec.set_user(user);
    set_capabilities(spec, user);
  }
  TRY(spec.validate());
  return spec.document().at("process");
}

}  // namespace drover::runtimes
