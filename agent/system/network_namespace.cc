#include "agent/system/network_namespace.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <thread>

namespace drover::system {
namespace {

Result<> set_loopback_up() {
  const UniqueFd any(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq loopback{};
  std::strcpy(&loopback.ifr_name[0], "lo");  // NOLINT: three of sixteen bytes
  if (!any.valid() || ::ioctl(any.get(), SIOCGIFFLAGS, &loopback) != 0) {
    return fail(Code::broken, "look at the loopback of a network namespace: {}",
                std::strerror(errno));
  }
  loopback.ifr_flags = static_cast<short>(loopback.ifr_flags | IFF_UP);  // NOLINT: ioctl(2)'s type
  return ::ioctl(any.get(), SIOCSIFFLAGS, &loopback) == 0
             ? Result<>()
             : fail(Code::broken, "set the loopback of a network namespace up: {}",
                    std::strerror(errno));
}

/// On a thread that ends afterwards: it stays in there.
Result<> enter_and_pin(const Path& place) {
  if (::unshare(CLONE_NEWNET) != 0) {
    const bool is_full = errno == ENOSPC || errno == ENOMEM;
    return fail(is_full ? Code::unavailable : Code::broken, "make a network namespace: {}",
                errno == ENOSPC ? "the kernel makes no more of them; raise "
                                  "user.max_net_namespaces (sysctl)"
                                : std::strerror(errno));
  }
  TRY(set_loopback_up());
  return ::mount("/proc/thread-self/ns/net", place.c_str(), nullptr, MS_BIND, nullptr) == 0
             ? Result<>()
             : fail(Code::broken, "pin a network namespace at {}: {}", place.native(),
                    std::strerror(errno));
}

}  // namespace

Result<> make_pinned_network_namespace(const Path& place) {
  const UniqueFd file(
      ::open(place.c_str(), O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0));
  if (!file.valid()) {
    return fail(errno == EEXIST ? Code::conflict : Code::broken,
                "make the file {} to pin a network namespace at: {}", place.native(),
                std::strerror(errno));
  }
  Result<> made;
  std::thread([&] { made = enter_and_pin(place); }).join();
  if (!made) {
    ::unlink(place.c_str());
  }
  return made;
}

}  // namespace drover::system
