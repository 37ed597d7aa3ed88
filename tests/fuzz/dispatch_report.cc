// What an agent tells a dispatcher: HELLO, heartbeat, change.
#include "fuzz_target.h"
#include "messaging/dispatch/ledger.h"

using namespace drover;  // NOLINT: a program of one function

namespace {

/// What is read must be read again from its own JSON.
template <class Read>
auto read_twice(const json::Value& value, const Read& read) {
  auto once = read(value, "key");
  if (once) {
    const auto again = read(to_json(*once), "key");
    fuzz::require(again && *again == *once, "a message is what its JSON says");
  } else {
    fuzz::require(once.error().code == Code::invalid, "a bad message is invalid");
  }
  return once;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto value = json::parse(fuzz::text_of(data, size));
  if (!value) {
    return 0;
  }
  dispatch::Ledger ledger;
  dispatch::Moment now{std::chrono::seconds(100)};
  const auto hello = read_twice(value->at("hello"), dispatch::read_hello);
  if (hello) {
    fuzz::require(ledger.hello(*hello, now).has_value(), "the first HELLO of a node is taken");
  }
  const auto change = read_twice(value->at("change"), dispatch::read_thing_change);
  if (change) {
    const bool gone = change->kind == dispatch::ThingKind::container && change->state == "gone";
    const bool next = hello && change->seq == hello->seq + 1;
    const dispatch::Heard heard = ledger.changed(*change, now);
    fuzz::require(hello || heard == dispatch::Heard::ask_hello, "nobody is known");
    if (heard == dispatch::Heard::kept && next && !gone) {
      fuzz::require(!ledger.where(change->id).empty(), "what was told is somewhere");
    }
  }
  if (const auto beat = read_twice(value->at("heartbeat"), dispatch::read_heartbeat)) {
    (void)ledger.heartbeat(*beat, now);
  }
  const std::size_t nodes = ledger.candidates().size();
  fuzz::require(nodes == (hello ? 1U : 0U), "only a HELLO makes a node known");
  (void)ledger.tick(now + dispatch::kDeadAfter);
  if (hello) {
    fuzz::require(ledger.facts(hello->sender.node)->liveness == dispatch::Liveness::dead,
                  "a silent node is dead");
    fuzz::require(ledger.forget(hello->sender.node).has_value(), "a dead node is forgotten");
    for (const dispatch::ContainerFacts& container : hello->facts.containers) {
      fuzz::require(ledger.where(container.name).empty(), "with all that it had");
    }
  }
  return 0;
}
