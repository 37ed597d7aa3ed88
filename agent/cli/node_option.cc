#include "agent/cli/node_option.h"

#include <CLI/App.hpp>

namespace drover::cli {

void NodeOption::add_to(CLI::App& app) {
  app.add_option("--bus", bus_, "Folder of droverd's sockets (default: " + bus_ + ")")
      ->envname("DROVER_BUS")
      ->type_name("DIR");
  app.add_option("--node", choice_.node,
                 "Another node: tcp://HOST[:PORT], or its name in client.json; --bus is not looked "
                 "at then")
      ->envname("DROVER_NODE")
      ->type_name("NODE");
  app.add_option("--server-key", choice_.server_key,
                 "That node's public key, as `drover keys show` prints it there")
      ->envname("DROVER_SERVER_KEY")
      ->type_name("KEY");
  app.add_option("--key", choice_.key, "File of your own key, which that node must allow")
      ->envname("DROVER_KEY")
      ->type_name("FILE");
}

Result<messaging::Client> NodeOption::connect() const {
  if (!is_elsewhere()) {
    return messaging::Client::open(bus_);
  }
  const messaging::KnownNodes known =
      TRY(messaging::KnownNodes::read(messaging::KnownNodes::usual_files()));
  messaging::NodeEndpoint endpoint = TRY(messaging::endpoint_of(choice_, known));
  return messaging::Client::open(std::move(endpoint));
}

}  // namespace drover::cli
