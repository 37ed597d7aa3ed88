#include "tests/pve-sim/guest_networks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/rand.h>

#include <array>

#include "tests/pve-sim/guest_config.h"

namespace drover::pve_sim {

bool is_network(std::string_view key) {
  return key.starts_with("net") && key.find_first_of("0123456789") == 3;
}

std::string stored_network(const std::string& value) {
  auto parts = read_property_string(value);
  std::array<unsigned char, 3> bytes{};
  if (parts["hwaddr"].empty() && RAND_bytes(bytes.data(), bytes.size()) == 1) {
    parts["hwaddr"] = fmt::format("BC:24:11:{:02X}", fmt::join(bytes, ":"));
  }
  parts["type"] = "veth";
  std::string text = "name=" + parts["name"];
  for (const auto& [key, part] : parts) {
    if (!key.empty() && key != "name") {
      text += "," + key + "=" + part;
    }
  }
  return text;
}

std::string with_new_address(const std::string& value) {
  std::string text;
  for (const auto& [key, part] : read_property_string(value)) {
    if (key != "hwaddr") {
      text += (text.empty() ? "" : ",") + key + "=" + part;
    }
  }
  return stored_network(text);
}

}  // namespace drover::pve_sim
