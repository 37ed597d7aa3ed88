// What a job needs, as a header has it, and what a node reports of itself.
#include "fuzz_target.h"
#include "messaging/dispatch/fit.h"

using namespace drover;  // NOLINT: a program of one function

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto value = json::parse(fuzz::text_of(data, size));
  if (!value) {
    return 0;
  }
  dispatch::NodeFacts node;
  node.name = "n1";
  if (const auto facts = dispatch::read_node_facts(*value)) {
    const auto again = dispatch::read_node_facts(to_json(*facts));
    fuzz::require(again && *again == *facts, "facts are what their JSON says");
    node = *facts;
  }
  const auto needs = dispatch::read_job_needs(*value);
  if (!needs) {
    fuzz::require(!needs.error().faults.empty(), "refused needs have a fault");
    return 0;
  }
  std::vector<std::string> why_not;
  const bool fits = dispatch::fits(*needs, node, &why_not);
  fuzz::require(fits == why_not.empty(), "a node that does not fit has a reason");
  fuzz::require(dispatch::fits(*needs, node) == fits, "with and without reasons");
  const auto again = dispatch::read_job_needs(to_json(*needs));
  const bool longer = needs->labels && needs->labels->str().size() > dispatch::kMostExpression;
  fuzz::require(longer || !needs->prefer.empty() || needs->near || needs->apart ||
                    (again && *again == *needs),
                "needs are what their JSON says");
  return 0;
}
