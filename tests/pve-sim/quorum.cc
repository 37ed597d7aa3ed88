#include "tests/pve-sim/quorum.h"

#include <unistd.h>

#include <sstream>

#include "agent/system/file.h"

namespace drover::pve_sim {

bool has_quorum(const Place& place) {
  std::istringstream words(system::read_file(place.cluster()).value_or("alone 1"));
  std::string name;
  int quorate = 0;
  words >> name >> quorate;
  return quorate == 1;
}

Result<> check_quorum(const Place& place) {
  return has_quorum(place) ? Result<>() : fail(Code::broken, "cluster not ready - no quorum?");
}

Result<> check_guest_writable(const Place& place, const std::string& vmid) {
  return has_quorum(place) ? Result<>()
                           : fail(Code::broken,
                                  "unable to open file '/etc/pve/nodes/{}/lxc/{}.conf.tmp.{}' - "
                                  "Permission denied",
                                  place.node, vmid, getpid());
}

}  // namespace drover::pve_sim
