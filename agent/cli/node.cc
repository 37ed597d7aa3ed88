// drover node: the node as droverd describes itself.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <memory>

#include "agent/cli/command.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/text.h"

namespace drover::cli {

void add_node(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("node", "Show the node: its name, runtimes, jobs and newest event");
  const auto as_json = std::make_shared<bool>(false);
  command->add_flag("--json", *as_json, "As JSON");
  command->footer(kExitStatus);
  command->callback([&action, as_json] {
    action = [as_json](Session& session) -> Result<int> {
      messaging::Client client = TRY(session.connect());
      json::Value node = TRY(client.node(session.interrupt.first()));
      if (*as_json) {
        fmt::print("{}\n", json::write_pretty(node));
        return kDone;
      }
      if (json::Object* members = node.object()) {
        if (json::Value* drained = members->find("drained")) {
          write_time(*drained, "since");
        }
        if (json::Value* cluster = members->find("cluster")) {
          write_time(*cluster, "no_quorum_since");
          write_time(*cluster, "maintenance_since");
        }
      }
      fmt::print("{}", outline(node));
      return kDone;
    };
  });
}

}  // namespace drover::cli
