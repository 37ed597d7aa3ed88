#include "agent/system/sealed_program.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "agent/system/idmapped_mount.h"

namespace drover::system {

Result<SealedProgram> SealedProgram::open(const Path& program) {
  // Above all numbers that a child's own descriptors are given.
  constexpr int kAbove = 64;
  const UniqueFd file(::open(program.c_str(), O_PATH | O_CLOEXEC));
  if (!file.valid()) {
    return fail(errno == ENOENT ? Code::not_found : Code::broken, "open {}: {}", program.native(),
                std::strerror(errno));
  }
  const UniqueFd tree = TRY(clone_mount(file, false).context("seal " + program.native()));
  mount_attr wanted{};
  wanted.attr_set = MOUNT_ATTR_RDONLY;
  UniqueFd kept;
  if (syscall(SYS_mount_setattr, tree.get(), "", static_cast<unsigned>(AT_EMPTY_PATH), &wanted,
              sizeof wanted) == 0) {
    kept.reset(fcntl(tree.get(), F_DUPFD_CLOEXEC, kAbove));
  }
  if (!kept.valid()) {
    return fail(Code::broken, "seal {}: {}", program.native(), std::strerror(errno));
  }
  return SealedProgram(std::move(kept));
}

std::string SealedProgram::path() const {
  return fmt::format("/proc/self/fd/{}", mount_.get());
}

}  // namespace drover::system
