#include "messaging/dispatch/needs_of_spec.h"

#include <gtest/gtest.h>

namespace drover::dispatch {
namespace {

TEST(NeedsOfSpec, AreWhatTheSpecSaysAndNothingThatItLeavesToTheNode) {
  EXPECT_EQ(needs_of(ContainerSpec()), JobNeeds());
  ContainerSpec spec;
  spec.runtime = RuntimeKind::crun;
  spec.resources.cpus = 1.5;
  spec.resources.memory_mib = 512;
  spec.resources.disk_mib = 1000;
  spec.volumes = {{"a", "/a", "tank", 200},
                  {"b", "/b", "tank", 24},
                  {"c", "/c", "local-image", 8},
                  {"d", "/d", "", 0, false, "kept"}};
  NetworkSpec bridged;
  bridged.bridge = "vmbr1";
  NetworkSpec routed;
  routed.kind = NetworkKind::macvlan;
  routed.bridge = "eno1";
  spec.networks = {bridged, routed};
  JobNeeds needs;
  needs.capacity = {1500, 512, 1232};
  needs.runtime = RuntimeKind::crun;
  needs.storages = {"tank"};
  needs.bridges = {"vmbr1"};
  EXPECT_EQ(needs_of(spec), needs);
}

TEST(NeedsOfSpec, CanAlwaysBeReadAgain) {
  ContainerSpec spec;
  spec.networks.emplace();
  for (int i = 0; i < 20; ++i) {
    NetworkSpec network;
    network.bridge = "vmbr" + std::to_string(i);
    spec.networks->push_back(network);
  }
  const JobNeeds needs = needs_of(spec);
  EXPECT_EQ(needs.bridges.size(), 16U);
  EXPECT_EQ(read_job_needs(to_json(needs)).value(), needs);
}

}  // namespace
}  // namespace drover::dispatch
