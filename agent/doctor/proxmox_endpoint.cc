#include "agent/doctor/proxmox_endpoint.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace drover::doctor {

Result<std::string> node_name(const Config& config) {
  std::string name = config.node;
  if (name.empty()) {
    std::array<char, 256> host{};
    if (gethostname(host.data(), host.size() - 1) != 0) {
      return fail(Code::broken, "ask for the host's name: {}", std::strerror(errno));
    }
    name = host.data();
    name = name.substr(0, name.find('.'));
  }
  const NodeName checked =
      TRY(NodeName::parse(name).context("set \"node\" in the configuration; the node's name"));
  return checked.str();
}

Result<proxmox::Endpoint> proxmox_endpoint(const Config& config) {
  const ProxmoxConfig& section = config.proxmox;
  proxmox::Endpoint endpoint;
  endpoint.server = {section.url, section.fingerprint};
  for (const ProxmoxConfig::Server& other : section.others) {
    endpoint.others.push_back({other.url, other.fingerprint});
  }
  endpoint.node = section.node;
  if (endpoint.node.empty()) {
    endpoint.node = TRY(node_name(config));
  }
  endpoint.ca_file = section.ca_file;
  endpoint.token_file = section.token_file;
  endpoint.user = section.user;
  endpoint.password_file = section.password_file;
  endpoint.timeout = std::chrono::seconds(section.timeout_s);
  return endpoint;
}

}  // namespace drover::doctor
