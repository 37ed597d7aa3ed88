// LxcRuntime: what it writes for liblxc, and where that is looked for.
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "runtimes/lxc/lxc_config.h"
#include "runtimes/lxc/lxc_runtime.h"
#include "runtimes/lxc/seccomp_text.h"

namespace drover::runtimes {
namespace {

/// Of the view of a container with users of its own (user_view.h): an lxcpath with a link to
/// `home`.
constexpr const char* kLxcInView = "lxc";

}  // namespace

Result<> LxcRuntime::write_config(const Container& container, const Spec& spec) const {
  const Path folder = home(container.name);
  const std::string config =
      TRY(make_lxc_config(container, spec, options_.monitor_program, folder));
  const json::Value* filter = spec.document().at("linux").find("seccomp");
  const std::string calls = filter == nullptr ? "" : TRY(lxc_seccomp_text(*filter));
  const std::string written = TRY(spec.written().context("container " + container.name.str()));
  TRY(system::make_folders(folder, 0700));
  TRY(system::write_atomically(folder / "config.json", written, 0600));
  TRY(system::write_atomically(seccomp_file(folder), calls, 0600));
  if (container.users != 0) {
    TRY(open_to_own_root(container, spec));
  }
  return system::write_atomically(folder / "config", config, 0600);
}

/// The hook is run as root inside, which has the say over its mounts and reaches nothing of ours,
/// not even lxcpath itself, which liblxc insists on.
Result<> LxcRuntime::open_to_own_root(const Container& container, const Spec& spec) const {
  const Path folder = home(container.name);
  const Path hook = hook_folder(container, folder);
  const Path lxc = layout_.view(container.name) / kLxcInView;
  TRY(system::make_folders(lxc, 0711));
  TRY(system::make_folders(hook, 0770));
  TRY(system::write_atomically(hook / "config.json", spec.emit(), 0640));
  std::error_code error;
  const Path link = lxc / container.name.str();
  if (!std::filesystem::is_symlink(link, error)) {
    std::filesystem::create_symlink(folder, link, error);
  }
  if (error || ::chown(hook.c_str(), 0, container.users) != 0 ||
      ::chown((hook / "config.json").c_str(), 0, container.users) != 0) {
    return fail(Code::broken, "container {}: let its root into {}: {}", container.name.str(),
                hook.native(), error ? error.message() : std::strerror(errno));
  }
  return {};
}

Path LxcRuntime::lxc_path(const ContainerName& name) const {
  Path of_own_users = layout_.view(name) / kLxcInView;
  std::error_code error;
  return std::filesystem::exists(of_own_users, error) ? of_own_users : layout_.lxc();
}

}  // namespace drover::runtimes
