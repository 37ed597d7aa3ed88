#include "runtimes/oci/bundle.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "runtimes/images/image_user.h"
#include "runtimes/oci/capability_set.h"
#include "runtimes/oci/cgroup.h"
#include "runtimes/oci/chosen_confinement.h"
#include "runtimes/oci/confinement.h"
#include "runtimes/oci/container_mounts.h"
#include "runtimes/oci/seccomp_profile.h"
#include "runtimes/oci/spec_patch.h"

namespace drover::runtimes {
namespace {

constexpr std::string_view kPath =
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

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

bool has_variable(const std::vector<std::string>& env, const std::string& name) {
  return std::any_of(env.begin(), env.end(), [start = name + "="](const std::string& entry) {
    return entry.starts_with(start);
  });
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
  if (container.attempt != 0) {
    put_variable(env, fmt::format("DROVER_ATTEMPT={}", container.attempt));
  }
  return env;
}

Result<std::vector<std::string>> arguments_of(const Container& container) {
  std::vector<std::string> args = container.spec.command;
  const std::vector<std::string>& more = container.spec.args;
  if (args.empty()) {
    args = container.image.entrypoint;
    if (more.empty()) {
      args.insert(args.end(), container.image.command.begin(), container.image.command.end());
    }
  }
  args.insert(args.end(), more.begin(), more.end());
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

/// With its variables, which are there already.
void set_terminal(Spec& spec, const std::optional<TerminalSize>& size) {
  spec.set({"process", "terminal"}, size.has_value());
  if (!size) {
    return;
  }
  spec.set({"process", "consoleSize"}, json::Object{{"height", std::int64_t{size->rows}},
                                                    {"width", std::int64_t{size->columns}}});
  if (std::vector<std::string> env = spec.env(); !has_variable(env, "TERM")) {
    env.emplace_back(kUsualTerminal);
    spec.set_env(env);
  }
}

std::string folder_of(const Container& container) {
  const std::string& folder = container.spec.cwd.empty() ? container.image.cwd : container.spec.cwd;
  return folder.starts_with('/') ? folder : "/" + folder;
}

}  // namespace

Resources whole_limits(Resources asked, const BundleOptions& options) {
  if (asked.memory_mib == 0) {
    asked.memory_mib = options.default_memory_mib;
  }
  if (asked.pids == 0) {
    asked.pids = options.default_pids;
  }
  return asked;
}

Path seccomp_profile_of(const ContainerSpec& wish, const BundleOptions& options) {
  if (wish.security.seccomp == kUnconfined) {
    return {};
  }
  return wish.security.seccomp.empty() ? options.seccomp_profile : Path(wish.security.seccomp);
}

Result<Spec> make_spec(const Container& container, const BundleOptions& options) {
  const ContainerSpec& wish = container.spec;
  Spec spec;
  TRY(check_kernel_folders(container.rootfs).context("container " + container.name.str()));
  const std::vector<std::string> args = TRY(arguments_of(container));
  const ImageUser user =
      TRY(find_image_user(container.rootfs, wish.user.empty() ? container.image.user : wish.user)
              .context("container " + container.name.str()));
  spec.set_args(args);
  spec.set_env(environment_of(container));
  set_terminal(spec, wish.terminal ? std::optional(TerminalSize{}) : std::nullopt);
  spec.set_cwd(folder_of(container));
  spec.set_user(user);
  spec.set({"process", "user", "umask"}, std::int64_t{kProgramUmask});
  spec.set_root(container.rootfs, false);
  spec.set_hostname(wish.hostname.empty() ? container.name.str() : wish.hostname);
  add_kernel_mounts(spec);
  add_container_mounts(spec, container, options.secrets);
  const std::vector<std::string> capabilities = bounding_capabilities(wish.security);
  set_capabilities(spec, user, capabilities, wish.security);
  confine(spec, container.netns);
  if (container.users != 0) {
    give_own_users(spec, container.user_namespace, container.users);
  }
  TRY(choose_confinement(spec, wish, options.apparmor)
          .context("container " + container.name.str()));
  const Resources whole = whole_limits(wish.resources, options);
  set_limits(spec, whole);
  if (json::Object io = TRY(block_io_of(whole.io)); !io.empty()) {
    spec.set({"linux", "resources", "blockIO"}, std::move(io));
  }
  spec.set({"linux", "cgroupsPath"}, cgroup_of(container.name, options.systemd_cgroup));
  if (const Path profile = seccomp_profile_of(wish, options); !profile.empty()) {
    spec.set({"linux", "seccomp"}, TRY(load_seccomp_profile(profile, seccomp_facts(capabilities))));
  }
  for (const auto& [name, value] : wish.annotations) {
    spec.set_annotation(name, value);
  }
  TRY(apply_spec_patch(spec, wish.oci).context("container " + container.name.str()));
  spec.set_annotation(kNameAnnotation, container.name.str());
  spec.set_annotation(kJobAnnotation, container.job.str());
  TRY(spec.validate().context("container " + container.name.str()));
  return spec;
}

Result<> write_bundle(const Layout& layout, const Container& container,
                      const BundleOptions& options) {
  const Spec spec = TRY(make_spec(container, options));
  const std::string text = TRY(spec.written().context("container " + container.name.str()));
  const Path bundle = layout.bundle(container.name);
  TRY(system::make_folders(bundle, 0700));
  // With the power a container of the runtime goes, too: it is made anew, and so is this.
  return system::write_unsynced(bundle / "config.json", text, 0600);
}

Result<Spec> read_bundle(const Path& bundle) {
  const std::string text = TRY(system::read_file(bundle / "config.json"));
  return Spec::parse(text);
}

Result<json::Value> make_exec_process(Spec spec, const Container& container,
                                      const ExecRequest& request) {
  if (request.command.empty() || request.command.front().empty()) {
    return fail(Code::invalid, "the command to execute names no program");
  }
  spec.set_args(request.command);
  std::vector<std::string> env = spec.env();
  for (const auto& [name, value] : request.env) {
    put_variable(env, name + "=" + value);
  }
  spec.set_env(env);
  set_terminal(spec, request.terminal);
  if (!request.cwd.empty()) {
    spec.set_cwd(request.cwd);
  }
  if (!request.user.empty()) {
    const ImageUser user = TRY(find_image_user(container.rootfs, request.user));
    spec.set_user(user);
    set_capabilities(spec, user, spec.bounding(), container.spec.security);
  }
  TRY(spec.validate());
  return spec.document().at("process");
}

}  // namespace drover::runtimes
