// The methods below /nodes/NODE/network.
#include <net/if.h>

#include "tests/pve-sim/api.h"
#include "tests/pve-sim/checked.h"

namespace drover::pve_sim {

Answer Api::network(const std::string& method, const std::vector<std::string>& parts,
                    const Form& form) {
  if (method != "GET" || parts.size() > 4) {
    return not_implemented(method, parts);
  }
  const Parameters given = parts.size() == 3 ? CHECKED("GET /nodes/{node}/network", {})
                                             : CHECKED("GET /nodes/{node}/network/{iface}",
                                                       (Parameters{{"iface", parts[3]}}));
  const std::string type = given.contains("type") ? given.at("type") : "bridge";
  json::Array list;
  int priority = 3;
  for (const std::string& name : place_.bridges) {
    json::Object bridge{{"iface", name},          {"type", "bridge"},
                        {"method", "manual"},     {"method6", "manual"},
                        {"bridge_ports", ""},     {"bridge_stp", "off"},
                        {"bridge_fd", "0"},       {"families", json::Array{"inet"}},
                        {"priority", priority++}, {"autostart", 1}};
    if (if_nametoindex(name.c_str()) != 0) {
      bridge.set("active", 1);
    }
    if (parts.size() == 4 && name == parts[3]) {
      return with_data(std::move(bridge));
    }
    if (type.find("bridge") != std::string::npos) {
      list.emplace_back(std::move(bridge));
    }
  }
  return parts.size() == 3 ? with_data(std::move(list))
                           : bad_parameters({{"iface", "interface does not exist"}});
}

}  // namespace drover::pve_sim
