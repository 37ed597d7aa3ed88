// drover inspect: all that the node knows of containers.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <memory>

#include "agent/cli/command.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/text.h"
#include "agent/core/verb.h"

namespace drover::cli {
namespace {

struct InspectOptions {
  std::vector<std::string> names;
  bool json = false;
};

Result<int> show_inspect(Session& session, const InspectOptions& options) {
  for (const std::string& name : options.names) {
    if (const Result<> checked = check_target(TargetKind::container, name); !checked) {
      return wrong_usage(checked.error());
    }
  }
  json::Array all;
  for (const std::string& name : options.names) {
    messaging::Client client = TRY(session.connect_to(name));
    all.push_back(TRY(client.container_or_deleted(name, session.interrupt.first())));
  }
  if (options.json) {
    fmt::print("{}\n", json::write_pretty(std::move(all)));
    return kDone;
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    write_time(all[i], "created_at");
    write_time(all[i], "deleted_at");
    if (json::Value* exit = all[i].object()->find("exit")) {
      write_time(*exit, "at");
    }
    if (json::Value* restarts = all[i].object()->find("restarts")) {
      write_time(*restarts, "next_at");
    }
    if (json::Value* probes = all[i].object()->find("probes")) {
      for (json::Value& probe : *probes->array()) {
        write_time(probe, "at");
      }
    }
    fmt::print("{}{}", i == 0 ? "" : "\n", outline(all[i]));
  }
  return kDone;
}

}  // namespace

void add_inspect(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("inspect", "Show all that the node knows of containers");
  const auto options = std::make_shared<InspectOptions>();
  command->add_option("NAME", options->names, "Containers")->required();
  command->add_flag("--json", options->json, "As a JSON array");
  command->footer(kExitStatus);
  command->callback([&action, options] {
    action = [options](Session& session) { return show_inspect(session, *options); };
  });
}

}  // namespace drover::cli
