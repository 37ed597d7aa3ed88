// drover inspect: all that the node knows of containers.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <memory>

#include "agent/cli/command.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/text.h"
#include "agent/core/event.h"

namespace drover::cli {
namespace {

struct InspectOptions {
  std::vector<std::string> names;
  bool json = false;
};

void write_time(json::Object& object, std::string_view key) {
  if (json::Value* time = object.find(key)) {
    *time = to_rfc3339(time->integer_or(0));
  }
}

Result<int> show_inspect(Session& session, const InspectOptions& options) {
  messaging::Client client = TRY(session.connect());
  json::Array all;
  for (const std::string& name : options.names) {
    all.push_back(TRY(client.container_or_deleted(name, session.interrupt.first())));
  }
  if (options.json) {
    fmt::print("{}\n", json::write_pretty(std::move(all)));
    return kDone;
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    write_time(*all[i].object(), "created_at");
    write_time(*all[i].object(), "deleted_at");
    if (json::Value* exit = all[i].object()->find("exit"); exit != nullptr && exit->object()) {
      write_time(*exit->object(), "at");
    }
    if (json::Value* restarts = all[i].object()->find("restarts")) {
      write_time(*restarts->object(), "next_at");
    }
    if (json::Value* probes = all[i].object()->find("probes")) {
      for (json::Value& probe : *probes->array()) {
        write_time(*probe.object(), "at");
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
