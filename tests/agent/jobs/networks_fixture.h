// NetworksFixture: a node of Proxmox, simulated in a network namespace of the test's own, whose
// jobs make and remove networks.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/jobs/verbs/own_networks.h"
#include "agent/system/child.h"
#include "fakes/sim_node.h"
#include "node_fixture.h"

namespace drover::jobs {

class NetworksFixture : public NodeFixture {
 protected:
  void SetUp() override {
    ASSERT_EQ(unshare(CLONE_NEWNET), 0);
    ip({"link", "set", "lo", "up"});
    NodeFixture::SetUp();
    sim_.emplace();
    client_ = sim_->client();
    network_ = std::make_unique<proxmox::Network>(*client_);
    configuration_ = std::make_unique<proxmox::NetworkConfiguration>(*client_, real_clock_);
    node_->proxmox_network = network_.get();
    node_->network_configuration = configuration_.get();
  }
  JobRow ensure(const std::string& id, const std::string& name, json::Object options = {}) {
    return run(job(id, "network.ensure", name, std::move(options)));
  }
  JobRow remove(const std::string& id, const std::string& name) {
    return run(job(id, "network.remove", name));
  }
  void ip(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "ip");
    const auto ran = system::run_ok(arguments, stop_);
    ASSERT_TRUE(ran) << ran.error().message;
  }
  static runtimes::BridgeState state_in_kernel(const std::string& name) {
    return runtimes::state_of_others_bridge(name).value();
  }

  const system::Stop stop_;
  system::SystemClock real_clock_;
  std::optional<fakes::SimNode> sim_;
  std::unique_ptr<proxmox::Client> client_;
  std::unique_ptr<proxmox::Network> network_;
  std::unique_ptr<proxmox::NetworkConfiguration> configuration_;
};

}  // namespace drover::jobs
