#include "agent/cli/node_option.h"

#include <CLI/App.hpp>

#include "messaging/dispatch/target.h"

namespace drover::cli {
namespace {

constexpr std::string_view kAnyCluster = "true";  // what the parser makes of a flag without value

}  // namespace

void NodeOption::add_to(CLI::App& app) {
  app.add_option("--bus", bus_, "Folder of droverd's sockets (default: " + bus_ + ")")
      ->envname("DROVER_BUS")
      ->type_name("DIR");
  app.add_option("--node", node_,
                 "Another node: tcp://HOST[:PORT], or its name in client.json; --bus is not looked "
                 "at then")
      ->envname("DROVER_NODE")
      ->type_name("NODE");
  app.add_flag("--cluster", cluster_,
               "A cluster, through its dispatchers: its name in client.json; without =NAME the "
               "only one there, or else this machine's dispatcher")
      ->envname("DROVER_CLUSTER")
      ->type_name("[=NAME]");
  app.add_option("--dispatcher", dispatchers_,
                 "A cluster by its dispatcher: tcp://HOST[:PORT], or a folder of sockets here; "
                 "repeated, the next is asked when one is silent")
      ->type_name("ADDRESS")
      ->allow_extra_args(false);
  app.add_option("--to", target_,
                 "Of a cluster the nodes: a name, names, a pattern, labels, all, or any (default: "
                 "where the container or job is; any for a new one)")
      ->type_name("TARGET");
  app.add_option("--server-key", server_keys_,
                 "That node's or dispatcher's public key, as `drover keys show` prints it there")
      ->envname("DROVER_SERVER_KEY")
      ->type_name("KEY")
      ->allow_extra_args(false);
  app.add_option("--key", key_, "File of your own key, which must be allowed there")
      ->envname("DROVER_KEY")
      ->type_name("FILE");
}

Result<> NodeOption::check() const {
  if (is_cluster() && !node_.empty()) {
    return fail(Code::invalid,
                "--node and --cluster: only one of them (of a cluster's nodes one is "
                "meant by --to)");
  }
  if (!is_cluster() && !target_.empty()) {
    return fail(Code::invalid, "--to {}: which nodes of a cluster are meant; --cluster is missing",
                target_);
  }
  if (!target_.empty()) {
    TRY(dispatch::Target::parse(target_).context("--to"));
  }
  return {};
}

std::string NodeOption::named() const {
  if (!dispatchers_.empty()) {
    return dispatchers_.front();
  }
  return cluster_ == kAnyCluster ? "a node" : cluster_.empty() ? node_ : cluster_;
}

Result<messaging::Client> NodeOption::connect() const {
  if (!is_elsewhere()) {
    return messaging::Client::open(bus_);
  }
  const messaging::KnownNodes known =
      TRY(messaging::KnownNodes::read(messaging::KnownNodes::usual_files()));
  if (!is_cluster()) {
    const messaging::NodeChoice choice{node_, server_keys_.empty() ? "" : server_keys_.front(),
                                       key_};
    messaging::NodeEndpoint endpoint = TRY(messaging::endpoint_of(choice, known));
    return messaging::Client::open(std::move(endpoint));
  }
  const messaging::ClusterChoice choice{cluster_ == kAnyCluster ? "" : cluster_, dispatchers_,
                                        server_keys_, key_};
  messaging::ClusterEndpoint endpoint = TRY(messaging::endpoint_of(choice, known));
  return messaging::Client::open(std::move(endpoint));
}

}  // namespace drover::cli
