// Command: what every command of `drover` is made of.
//
// add_NAME declares a command and its options on the command line's parser. When it is the one that
// was called, its callback sets `action`, which main then runs.
#pragma once

#include <functional>
#include <string>

#include "agent/cli/interrupt.h"
#include "agent/cli/node_option.h"
#include "messaging/client/client.h"

// The parser's headers are large; only the commands' sources need them.
namespace CLI {
class App;
}

namespace drover::cli {

/// What a command works with.
struct Session {
  const NodeOption& node;
  const Interrupt& interrupt;

  bool is_cluster() const { return node.is_cluster(); }
  /// The node; of a cluster the one that --to names: `invalid` when it names none or several.
  Result<messaging::Client> connect() const;
  /// The node; of a cluster the one where this container or job is, unless --to names it.
  /// `not_found` when it is on none, `conflict`, naming them, when it is on several.
  Result<messaging::Client> connect_to(const std::string& container_or_job) const;
  /// Of a cluster: what --to says, or `otherwise`.
  Result<messaging::Client> connect_to_nodes(const std::string& otherwise) const;
  /// The cluster itself. `invalid` without one: `command` is for messages.
  Result<messaging::Client> connect_to_cluster(std::string_view command) const;
};

/// Whether a target is for one node, by its name.
bool names_one_node(std::string_view target);

/// Returns the exit code; an error is printed by main, which exits with `exit_code_of`.
using Action = std::function<Result<int>(Session&)>;

void add_run(CLI::App& app, Action& action);
void add_create(CLI::App& app, Action& action);
void add_exec(CLI::App& app, Action& action);
void add_attach(CLI::App& app, Action& action);
void add_start(CLI::App& app, Action& action);
void add_stop(CLI::App& app, Action& action);
void add_restart(CLI::App& app, Action& action);
void add_kill(CLI::App& app, Action& action);
void add_pause(CLI::App& app, Action& action);
void add_resume(CLI::App& app, Action& action);
void add_checkpoint(CLI::App& app, Action& action);
void add_restore(CLI::App& app, Action& action);
void add_update(CLI::App& app, Action& action);
void add_upgrade(CLI::App& app, Action& action);
void add_port_forward(CLI::App& app, Action& action);
void add_rm(CLI::App& app, Action& action);
void add_ps(CLI::App& app, Action& action);
void add_image(CLI::App& app, Action& action);
void add_inspect(CLI::App& app, Action& action);
void add_logs(CLI::App& app, Action& action);
void add_events(CLI::App& app, Action& action);
void add_jobs(CLI::App& app, Action& action);
void add_cancel(CLI::App& app, Action& action);
void add_volume(CLI::App& app, Action& action);
void add_adopt(CLI::App& app, Action& action);
void add_backup(CLI::App& app, Action& action);
void add_snapshot(CLI::App& app, Action& action);
void add_leaks(CLI::App& app, Action& action);
void add_migrate(CLI::App& app, Action& action);
void add_network(CLI::App& app, Action& action);
void add_keys(CLI::App& app, Action& action);
void add_secret(CLI::App& app, Action& action);
void add_stats(CLI::App& app, Action& action);
void add_storage(CLI::App& app, Action& action);
void add_explain(CLI::App& app, Action& action);
void add_node(CLI::App& app, Action& action);
void add_nodes(CLI::App& app, Action& action);
void add_where(CLI::App& app, Action& action);
void add_plan(CLI::App& app, Action& action);
void add_batch(CLI::App& app, Action& action);
void add_drain(CLI::App& app, Action& action);
void add_undrain(CLI::App& app, Action& action);
void add_config(CLI::App& app, Action& action);
void add_doctor(CLI::App& app, Action& action);
void add_journal(CLI::App& app, Action& action);
void add_version(CLI::App& app, Action& action);

}  // namespace drover::cli
