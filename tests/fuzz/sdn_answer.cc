// What of the cluster's SDN is set, as an API gave it.
#include "fuzz_target.h"
#include "proxmox/sdn.h"

using namespace drover;  // NOLINT: a program of one function

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto value = json::parse(fuzz::text_of(data, size));
  if (!value || value->array() == nullptr) {
    return 0;
  }
  for (const auto& section : proxmox::sections_from(*value->array(), "subnet")) {
    fuzz::require(section.pending || (section.applied && section.written),
                  "what does not wait is applied as it is written");
    for (const auto& side : {section.applied, section.written}) {
      if (!side) {
        continue;
      }
      const auto subnet = proxmox::subnet_from(section.id, *side);
      fuzz::require(subnet.cidr.empty() || subnet.cidr.find('/') != std::string::npos,
                    "a subnet's CIDR has a length");
      (void)proxmox::vnet_from(section.id, *side);
      fuzz::require(!proxmox::zone_from(section.id, *side).is_on("") ||
                        proxmox::zone_from(section.id, *side).nodes.empty(),
                    "no zone is on a node without a name alone");
    }
  }
  return 0;
}
