// drover: the command line of a node.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cstdio>
#include <exception>

#include "agent/cli/command.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/text.h"

namespace {

using namespace drover::cli;

void add_commands(CLI::App& app, Action& action) {
  for (const auto add : {
           add_run,     add_create,  add_exec,       add_start,   add_stop,    add_restart,
           add_kill,    add_pause,   add_resume,     add_update,  add_rm,      add_ps,
           add_inspect, add_logs,    add_events,     add_jobs,    add_cancel,  add_image,
           add_volume,  add_network, add_explain,    add_node,    add_drain,   add_undrain,
           add_leaks,   add_config,  add_journal,    add_doctor,  add_version, add_snapshot,
           add_backup,  add_adopt,   add_storage,    add_migrate, add_attach,  add_secret,
           add_stats,   add_upgrade, add_checkpoint, add_restore, add_keys,
       }) {
    add(app, action);
  }
}

int run(const Action& action, const std::string& bus) {
  const Interrupt interrupt;
  Session session{bus, interrupt};
  const drover::Result<int> code = action(session);
  if (code) {
    return *code;
  }
  print_error(code.error());
  return exit_code_of(code.error());
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
  CLI::App app("Runs containers on this node through droverd.", "drover");
  std::string bus = "/run/drover/bus";
  Action action;
  app.add_option("--bus", bus, "Folder of droverd's sockets (default: " + bus + ")")
      ->envname("DROVER_BUS")
      ->type_name("DIR");
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
  return run(action, bus);
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
