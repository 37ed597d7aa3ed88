#include "runtimes/secret_files.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <map>

#include "agent/core/wipe.h"
#include "agent/system/file.h"
#include "agent/system/secret_store.h"
#include "agent/system/unique_fd.h"

namespace drover::runtimes {
namespace {

constexpr unsigned long kMountFlags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
constexpr std::size_t kPage = 4096;

/// What is mounted there, and the folder.
Result<> take_away(const Path& folder) {
  while (umount2(folder.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0) {
  }
  return rmdir(folder.c_str()) == 0 || errno == ENOENT
             ? Result<>()
             : fail(Code::broken, "take away laid out secrets {}: {}", folder.native(),
                    std::strerror(errno));
}

/// Memory that is never written to a swap device, where the kernel (6.4) can promise that.
/// For root of the container, `users`, who is not the node's where it has users of its own, and
/// mounts them itself in LXC.
Result<> mount_memory(const Path& folder, std::uint32_t users, std::size_t bytes,
                      std::size_t files) {
  const std::string size =
      fmt::format("mode=0700,uid={},gid={},size={},nr_inodes={}", users, users, bytes, files);
  if (mount("drover-secrets", folder.c_str(), "tmpfs", kMountFlags, (size + ",noswap").c_str()) ==
          0 ||
      mount("drover-secrets", folder.c_str(), "tmpfs", kMountFlags, size.c_str()) == 0) {
    return {};
  }
  return fail(Code::broken, "mount memory for secrets at {}: {}", folder.native(),
              std::strerror(errno));
}

/// `users`: where the container's own begin (Container::users), 0 for the node's.
Result<> write_file(const Path& file, const SecretSpec& secret, std::string_view value,
                    std::uint32_t users) {
  unsigned mode = 0;
  std::from_chars(secret.mode.data(), secret.mode.data() + secret.mode.size(), mode, 8);
  const system::UniqueFd fd(
      open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.valid()) {
    return fail(Code::broken, "lay out secret {}: {}", secret.name, std::strerror(errno));
  }
  TRY(system::write_all(fd.get(), value).context("lay out secret " + secret.name));
  return fchown(fd.get(), users + secret.uid, users + secret.gid) == 0 &&
                 fchmod(fd.get(), mode) == 0
             ? Result<>()
             : fail(Code::broken, "lay out secret {}: {}", secret.name, std::strerror(errno));
}

/// Values that are overwritten when nobody needs them any more.
struct Values {
  std::map<std::string, std::string> by_name;
  Values() = default;
  Values(Values&&) = default;
  Values& operator=(Values&&) = delete;
  Values(const Values&) = delete;
  Values& operator=(const Values&) = delete;
  ~Values() {
    for (auto& [name, value] : by_name) {
      wipe(value);
    }
  }
};

Result<Values> read_values(const Layout& layout, const Container& container) {
  const system::SecretStore store(layout.secret_store());
  Values values;
  for (const SecretSpec& secret : container.spec.secrets) {
    if (!values.by_name.contains(secret.name)) {
      std::string value = TRY(store.read(secret.name));
      values.by_name.emplace(secret.name, std::move(value));
    }
  }
  return values;
}

}  // namespace

SecretFiles::~SecretFiles() {
  if (!folder_.empty()) {
    // What is left of it is taken away with the next that is laid out there.
    (void)take_away(folder_).has_value();
  }
}

Result<SecretFiles> lay_out_secrets(const Layout& layout, const Container& container) {
  if (container.spec.secrets.empty()) {
    return SecretFiles();
  }
  const Values values = TRY(read_values(layout, container));
  const Path folder = layout.laid_out_secrets() / container.name.str();
  TRY(take_away(folder));
  // What each has in it is its own root's alone.
  TRY(system::make_folders(layout.laid_out_secrets(), 0711));
  TRY(system::make_folders(folder, 0700));
  SecretFiles files(folder);
  std::size_t bytes = kPage;
  for (const SecretSpec& secret : container.spec.secrets) {
    bytes += (values.by_name.at(secret.name).size() / kPage + 1) * kPage;
  }
  TRY(mount_memory(folder, container.users, bytes, container.spec.secrets.size() + 1));
  std::size_t number = 0;
  for (const SecretSpec& secret : container.spec.secrets) {
    TRY(write_file(folder / std::to_string(number++), secret, values.by_name.at(secret.name),
                   container.users));
  }
  if (mount(nullptr, folder.c_str(), nullptr, MS_REMOUNT | MS_RDONLY | kMountFlags, nullptr) != 0) {
    return fail(Code::broken, "make secrets at {} read-only: {}", folder.native(),
                std::strerror(errno));
  }
  return files;
}

Result<> forget_laid_out_secrets(const Layout& layout) {
  for (const Path& folder : system::children_of(layout.laid_out_secrets())) {
    TRY(take_away(folder));
  }
  return {};
}

}  // namespace drover::runtimes
