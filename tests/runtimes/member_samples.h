// MemberSamples: for each member of a container's spec, two specs that differ in nothing else.
#pragma once

#include <string>
#include <vector>

namespace drover::runtimes {

struct MemberSample {
  std::string member;  ///< "resources.io.weight", as the schema has it
  /// A spec's members, as JSON. "/disk-a" and "/disk-b" are disks that the test makes somewhere.
  std::string with;
  std::string without;  ///< those that `with` cannot do without, or other values
};

/// Of every member, in the order of the schema.
std::vector<MemberSample> member_samples();

}  // namespace drover::runtimes
