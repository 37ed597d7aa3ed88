#include "agent/system/interface.h"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstring>

#include "agent/system/unique_fd.h"

namespace drover::system {

bool has_interface(const std::string& name) {
  return if_nametoindex(name.c_str()) != 0;
}

bool interface_is_up(const std::string& name) {
  ifreq request{};
  if (name.empty() || name.size() >= sizeof request.ifr_name) {
    return false;
  }
  std::memcpy(request.ifr_name, name.data(), name.size());
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  return ioctl(socket.get(), SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & IFF_UP) != 0;
}

}  // namespace drover::system
