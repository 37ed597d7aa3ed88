#include "messaging/dispatch/replacement.h"

namespace drover::dispatch {

Result<> check_replacement(std::string_view id, const NodeFacts& node, Claim claim, bool by_order) {
  if (node.liveness == Liveness::alive) {
    return fail(Code::refused,
                "place {} anew: node {}, which has it, is there; stop it there first", id,
                node.name);
  }
  if (node.liveness == Liveness::suspect) {
    return fail(
        Code::unavailable,
        "place {} anew: node {}, which has it, is silent only since some seconds; try again "
        "when it is dead",
        id, node.name);
  }
  switch (claim) {
    case Claim::lost:
      return {};
    case Claim::held:
      return fail(Code::refused,
                  "place {} anew: node {}, which has it, still renews its claim and so runs it; "
                  "only this dispatcher does not reach it",
                  id, node.name);
    case Claim::unknown:
      return fail(Code::unavailable,
                  "place {} anew: whether node {}, which has it, still holds its claim cannot be "
                  "asked now; try again when etcd can be reached",
                  id, node.name);
    case Claim::none:
      break;
  }
  if (by_order) {
    return {};
  }
  return fail(
      Code::refused,
      "place {} anew: node {}, which has it, is dead for this dispatcher and may run it all "
      "the same. Order it with --replace-unreachable when that node is known to be off",
      id, node.name);
}

Result<std::vector<std::string>> nodes_to_replace(const std::string& id, const Ledger& ledger,
                                                  Claim claim, bool by_order) {
  std::vector<std::string> nodes;
  for (const Location& location : ledger.where(id)) {
    const NodeFacts* node = ledger.facts(location.node);
    if (location.kind == ThingKind::container && node != nullptr) {
      TRY(check_replacement(id, *node, claim, by_order));
      nodes.push_back(location.node);
    }
  }
  if (nodes.empty()) {
    return fail(Code::not_found, "place {} anew: no node is known to have a container of that name",
                id);
  }
  return nodes;
}

}  // namespace drover::dispatch
