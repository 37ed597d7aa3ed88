// With whom a command talks.
#include <set>

#include "agent/cli/command.h"

namespace drover::cli {
namespace {

std::string list_of(const std::set<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    text += (text.empty() ? "" : ", ") + name;
  }
  return text;
}

}  // namespace

bool names_one_node(std::string_view target) {
  return !target.empty() && target != "all" && target != "any" &&
         target.find_first_of(",*? =!~()\"") == std::string_view::npos;
}

Result<messaging::Client> Session::connect() const {
  messaging::Client client = TRY(node.connect());
  if (!is_cluster()) {
    return client;
  }
  if (!names_one_node(node.target())) {
    return fail(Code::invalid,
                "this is asked of one node: say of which, --to NODE (`drover nodes` lists them)");
  }
  client.set_target(node.target());
  return client;
}

Result<messaging::Client> Session::connect_to(const std::string& container_or_job) const {
  if (!is_cluster() || !node.target().empty()) {
    return connect();
  }
  messaging::Client client = TRY(node.connect());
  const json::Value answer = TRY(client.where(container_or_job, interrupt.first()));
  std::set<std::string> nodes;
  if (const json::Array* places = answer.at("places").array()) {
    for (const json::Value& place : *places) {
      nodes.emplace(place.at("node").string_or(""));
    }
  }
  if (nodes.empty()) {
    return fail(Code::not_found,
                "{}: it is on no node of the cluster; of what was there before only the nodes "
                "themselves know, --to NODE",
                container_or_job);
  }
  if (nodes.size() > 1) {
    return fail(Code::conflict, "{}: it is on {}: say which is meant, --to NODE", container_or_job,
                list_of(nodes));
  }
  client.set_target(*nodes.begin());
  return client;
}

Result<messaging::Client> Session::connect_to_nodes(const std::string& otherwise) const {
  messaging::Client client = TRY(node.connect());
  if (is_cluster()) {
    client.set_target(node.target().empty() ? otherwise : node.target());
  }
  return client;
}

Result<messaging::Client> Session::connect_to_cluster(std::string_view command) const {
  if (!is_cluster()) {
    return fail(Code::invalid, "`drover {}` asks a cluster: --cluster or --dispatcher is missing",
                command);
  }
  return node.connect();
}

}  // namespace drover::cli
