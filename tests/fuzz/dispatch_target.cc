// The target of a job, as a header has it.
#include "fuzz_target.h"
#include "messaging/dispatch/target.h"

using namespace drover;  // NOLINT: a program of one function

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  const auto target = dispatch::Target::parse(text);
  if (!target) {
    fuzz::require(target.error().code == Code::invalid, "a bad target is invalid");
    fuzz::require(target.error().message.size() < 1000, "an error has a bound");
    return 0;
  }
  const dispatch::Labels labels{{"role", "web"}, {"zone", "b"}, {"team/owner", ""}};
  const bool fits = target->fits("pve1", labels);
  using Kind = dispatch::Target::Kind;
  fuzz::require(fits || target->kind() == Kind::names || target->kind() == Kind::labels,
                "all and any are for every node");
  fuzz::require(target->unknown({"pve1"}).empty() || target->kind() == Kind::names,
                "only names are unknown");
  const std::string written = target->str();
  if (written.size() > dispatch::kMostExpression && target->kind() == Kind::labels) {
    return 0;  // what had no spaces is longer in the one way of writing it
  }
  const auto again = dispatch::Target::parse(written);
  fuzz::require(again && *again == *target, "a target is what its text says");
  fuzz::require(again->fits("pve1", labels) == fits, "a target is for the same nodes again");
  return 0;
}
