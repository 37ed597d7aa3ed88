#include "proxmox/ha.h"

namespace drover::proxmox {

Result<HaNode> Ha::node(const Stop& stop) {
  // The one method that tells both, and that pveproxy answers by itself: no daemon is asked.
  const json::Value answer = TRY(client_.get("/cluster/ha/status/manager_status", {}, stop)
                                     .context("ask how the HA manager sees this node"));
  const std::string& name = client_.node();
  const json::Value& quorum = answer.at("quorum");
  if (quorum.object() == nullptr) {
    return fail(Code::broken, "ask how the HA manager sees this node: the answer has no quorum");
  }
  HaNode node;
  if (quorum.at("node").string_or("") == name) {
    // Perl's false is "" here, where other methods say 0.
    node.quorate = quorum.at("quorate").boolean_or(false);
  }
  // Empty until HA is used for the first time.
  const json::Value& manager = answer.at("manager_status");
  node.state = manager.at("node_status").at(name).string_or("");
  node.maintenance = node.state == "maintenance" ||
                     manager.at("node_request").at(name).at("maintenance").boolean_or(false);
  return node;
}

}  // namespace drover::proxmox
