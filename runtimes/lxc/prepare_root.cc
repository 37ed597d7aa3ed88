#include "runtimes/lxc/prepare_root.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

#include "runtimes/lxc/device_nodes.h"
#include "runtimes/lxc/inside_mounts.h"
#include "runtimes/lxc/kernel_files.h"
#include "runtimes/lxc/places.h"
#include "runtimes/lxc/system_init.h"
#include "runtimes/oci/bundle.h"

namespace drover::lxc {
namespace {

using system::Path;
using system::UniqueFd;

/// liblxc finds it there later and enters it by its name. In /dev it would still put links beside.
Result<> make_working_folder(const Path& root, const Path& inside) {
  const Result<UniqueFd> there = system::open_in_root(root, inside, O_PATH | O_DIRECTORY);
  const bool missing = !there && there.error().code == Code::not_found;
  if (!there && !missing) {
    return Failure(there.error());
  }
  const Place folder = TRY(make_folder_place(root, inside));
  if (missing && is_below(folder.path, root / "dev")) {
    return fail(Code::refused, "it leads into /dev of the container, where no folder is made");
  }
  return {};
}

bool is_there(const Path& root, const Path& program) {
  const Result<UniqueFd> found = system::open_in_root(root, program, O_PATH);
  return found || found.error().code != Code::not_found;
}

/// As execvp(3) will look for it. liblxc calls a container running before that, so that nobody
/// would be told.
Result<> check_program(const Path& root, const runtimes::Spec& spec) {
  const std::string program = spec.args().empty() ? "" : spec.args().front();
  bool found = false;
  if (program.find('/') != std::string::npos) {
    found = is_there(root, Path(spec.cwd()) / program);
  } else {
    constexpr std::string_view kVariable = "PATH=";
    for (const std::string& variable : spec.env()) {
      std::istringstream folders(variable.starts_with(kVariable) ? variable.substr(kVariable.size())
                                                                 : "");
      for (std::string folder; !found && std::getline(folders, folder, ':');) {
        found = is_there(root, Path(spec.cwd()) / folder / program);
      }
    }
  }
  return found ? Result<>()
               : fail(Code::invalid, "{}: no such file or directory in its root", program);
}

bool has_mount_at(const json::Array& mounts, const Path& target) {
  return std::any_of(mounts.begin(), mounts.end(), [&](const json::Value& mount) {
    return Path(mount.at("destination").string_or("")).lexically_normal() == target;
  });
}

/// An init keeps what is of this run only there, and would mount it itself if it might.
Result<> mount_run_folders(const Path& root, const json::Array& mounts) {
  constexpr std::array<std::pair<const char*, const char*>, 2> kFolders = {
      {{"/run", "size=64m"}, {"/run/lock", "size=5m"}}};
  for (const auto& [folder, size] : kFolders) {
    if (!has_mount_at(mounts, folder)) {
      TRY(mount_inside(root,
                       json::Object{{"destination", folder},
                                    {"type", "tmpfs"},
                                    {"source", "tmpfs"},
                                    {"options", json::Array{"nosuid", "nodev", size, "mode=755"}}})
              .context(folder));
    }
  }
  return {};
}

std::string_view what_is(const json::Value& mount) {
  return mount.at("type").string_or("") == "bind" ? "volume" : "mount";
}

}  // namespace

Result<> prepare_root(const Path& root, const Path& home) {
  const runtimes::Spec spec = TRY(runtimes::read_bundle(home));
  // Free of links, as the names are that are held against it.
  const Path top = TRY(system::make_folders_in_root(root, "/"));
  const json::Array* const asked = spec.document().at("mounts").array();
  const json::Array mounts = asked == nullptr ? json::Array() : *asked;
  if (runtimes::init_system_of(top, spec.args()) != runtimes::InitSystem::none) {
    TRY(mount_run_folders(top, mounts));
  }
  for (const json::Value& mount : mounts) {
    TRY(mount_inside(top, mount)
            .context(
                fmt::format("{} at {}", what_is(mount), mount.at("destination").string_or(""))));
  }
  TRY(make_device_nodes(top, spec));
  TRY(confine_kernel_files(top, spec));
  TRY(make_working_folder(top, Path(spec.cwd()))
          .context(fmt::format("working folder {}", spec.cwd())));
  return check_program(top, spec);
}

Path prepare_error(const Path& home) {
  return home / "prepare-error";
}

}  // namespace drover::lxc
