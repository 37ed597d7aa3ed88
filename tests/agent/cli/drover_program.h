// The real `drover` on a fake node.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "agent/system/child.h"
#include "fakes/fake_node.h"

namespace drover::cli {

class DroverProgram : public testing::Test {
 protected:
  using Faults = fakes::FakeNode::Faults;
  using State = fakes::FakeState;

  /// `drover` with these arguments, run to its end.
  system::Output drover(std::vector<std::string> arguments);
  /// The same on another bus.
  system::Output drover_on(const std::string& bus, std::vector<std::string> arguments);
  /// The same with these variables beside ours.
  system::Output drover_with(std::map<std::string, std::string> environment,
                             std::vector<std::string> arguments);
  /// A container that is there and runs `script`.
  void have_container(const std::string& name, const std::string& script);

  fakes::FakeNode node_;
  system::Stop stop_;
};

}  // namespace drover::cli
