// drover: the command line of a node.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>
#include <string_view>

#include "agent/cli/command.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/text.h"

namespace {

using namespace drover::cli;

void add_commands(CLI::App& app, Action& action) {
  for (const auto add : {
           add_run,     add_create,  add_exec,       add_start,        add_stop,    add_restart,
           add_kill,    add_pause,   add_resume,     add_update,       add_rm,      add_ps,
           add_inspect, add_logs,    add_events,     add_jobs,         add_cancel,  add_image,
           add_volume,  add_network, add_explain,    add_node,         add_drain,   add_undrain,
           add_leaks,   add_config,  add_journal,    add_doctor,       add_version, add_snapshot,
           add_backup,  add_adopt,   add_storage,    add_migrate,      add_attach,  add_secret,
           add_stats,   add_upgrade, add_checkpoint, add_restore,      add_keys,    add_nodes,
           add_where,   add_plan,    add_batch,      add_port_forward,
       }) {
    add(app, action);
  }
}

int run(const Action& action, const NodeOption& node) {
  const Interrupt interrupt;
  Session session{node, interrupt};
  const drover::Result<int> code = action(session);
  if (code) {
    return *code;
  }
  print_error(code.error());
  return exit_code_of(code.error());
}

/// What works with files of this machine and asks no node.
bool is_local(const CLI::App& app) {
  constexpr std::array<std::string_view, 5> kLocal = {"config", "doctor", "journal", "keys",
                                                      "secret"};
  const std::vector<CLI::App*> called = app.get_subcommands();
  return !called.empty() &&
         std::find(kLocal.begin(), kLocal.end(), called.front()->get_name()) != kLocal.end();
}

/// run, exec and attach exit as the program inside does, and keep 125 for whatever kept it from
/// running.
bool runs_a_program(const CLI::App& app) {
  const std::vector<CLI::App*> called = app.get_subcommands();
  if (called.empty()) {
    return false;
  }
  const std::string& name = called.front()->get_name();
  return name == "run" || name == "exec" || name == "attach";
}

/// "drover volume resize: SIZE is required", and where to look.
std::string usage_fault(const CLI::App* app, const CLI::Error& error) {
  std::string name = app->get_name();
  for (std::vector<CLI::App*> called = app->get_subcommands(); !called.empty();
       called = app->get_subcommands()) {
    app = called.front();
    name += " " + app->get_name();
  }
  return name + ": " + printable(error.what()) + "\n`" + name + " --help` tells what it takes.\n";
}

int parse_and_run(int argc, char** argv) {
  CLI::App app("Runs containers on this node, another or a cluster's, through droverd.", "drover");
  NodeOption node;
  Action action;
  node.add_to(app);
  app.set_version_flag("--version", "drover " DROVER_VERSION);
  app.fallthrough();
  app.footer(std::string(kExitStatus) + "\n`drover COMMAND --help` tells of each command.\n");
  app.failure_message(usage_fault);
  add_commands(app, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // Help and the version are "errors" of code 0.
    return app.exit(error) == 0 ? kDone : runs_a_program(app) ? kOwnFailure : kUsage;
  }
  if (!action) {
    std::fputs(app.help().c_str(), stderr);
    return kUsage;
  }
  if (const drover::Result<> checked = node.check(); !checked) {
    return wrong_usage(checked.error(), runs_a_program(app) ? kOwnFailure : kUsage);
  }
  if (node.is_elsewhere() && is_local(app)) {
    return wrong_usage(drover::Error{
        drover::Code::invalid,
        fmt::format("`drover {}` works with files of this machine: run it on {} itself, without "
                    "--node, --cluster or DROVER_NODE",
                    app.get_subcommands().front()->get_name(), node.named()),
        {}});
  }
  return run(action, node);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return parse_and_run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "drover: %s\n", error.what());
    return kOwnFailure;
  }
}
