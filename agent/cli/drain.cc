// drover drain, drover undrain: whether the node takes new containers.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <chrono>
#include <cstdio>
#include <memory>

#include "agent/cli/exit_code.h"
#include "agent/cli/job_run.h"
#include "agent/cli/job_watch.h"
#include "agent/cli/node_job.h"
#include "agent/cli/text.h"
#include "agent/core/rfc3339.h"

namespace drover::cli {
namespace {

struct DrainOptions {
  std::string node;  ///< of a cluster
  bool move = false;
  bool stop = false;
  JobFlags flags;
};

std::string counted(std::int64_t number, std::string_view thing) {
  return fmt::format("{} {}{}", number, thing, number == 1 ? "" : "s");
}

/// Waits for the jobs that end the node's containers; how many have.
Result<std::int64_t> wait_for_stops(Session& session, messaging::Client& client,
                                    const json::Value& stopping, bool quiet) {
  std::int64_t stopped = 0;
  for (const json::Value& stop : *stopping.array()) {
    JobWatch watch =
        TRY(JobWatch::follow(session, client, std::string(stop.at("job").string_or("")), quiet));
    const json::Value job = TRY(watch.wait());
    if (const Result<> outcome = outcome_of(job); outcome) {
      fmt::print("{}\n", printable(stop.at("container").string_or("")));
      ++stopped;
    } else {
      print_error(outcome.error());
    }
  }
  return stopped;
}

/// "; 2 jobs wait" of the node as it is now; "" for none.
Result<std::string> waiting_text(Session& session, messaging::Client& client) {
  const json::Value node = TRY(client.node(session.interrupt.first()));
  const std::int64_t waiting = node.at("jobs").at("waiting").integer_or(0);
  return waiting == 0
             ? std::string()
             : fmt::format("; {} {}", counted(waiting, "job"), waiting == 1 ? "waits" : "wait");
}

/// What became of the node's containers. Those that stay make it a failure: the node is not empty.
int print_moves(const std::string& node, const json::Value& moves) {
  std::vector<std::vector<std::string>> rows = {{"CONTAINER", "STATE", "TO", "WHY"}};
  const json::Array none;
  bool any_stays = false;
  for (const json::Value& move : moves.array() == nullptr ? none : *moves.array()) {
    const std::string state(move.at("state").string_or(""));
    const std::string to(move.at("to").string_or(""));
    any_stays = any_stays || state != "moved";
    rows.push_back({std::string(move.at("container").string_or("")), state, to.empty() ? "-" : to,
                    std::string(move.at("why").string_or(""))});
  }
  fmt::print("{} takes no new containers\n", printable(node));
  if (rows.size() > 1) {
    fmt::print("{}", table(rows));
  }
  return any_stays ? kFailed : kDone;
}

/// By the dispatcher, which also makes anew elsewhere what may be moved.
Result<int> move_away(Session& session, const DrainOptions& options) {
  messaging::Client client = TRY(session.connect_to_cluster("drain --move"));
  const std::string& node = options.node.empty() ? session.node.target() : options.node;
  if (node.empty()) {
    return wrong_usage(Error{Code::invalid, "drain --move: NODE is required", {}});
  }
  const system::Stop& stop = session.interrupt.first();
  for (;;) {
    const json::Value answer =
        TRY(client.query("dispatch.drain", json::Object{{"node", node}, {"move", true}}, stop));
    if (answer.at("done").boolean_or(false)) {
      return print_moves(node, answer.at("moves"));
    }
    // The same order again tells how far it is.
    constexpr std::chrono::seconds kLook{1};
    const Result<> waited = system::SystemClock().sleep_until(client.in(kLook), stop);
    if (!waited) {
      fmt::print(stderr, "drover: the dispatcher goes on; the same command tells how far it is\n");
      return Failure(waited.error());
    }
  }
}

/// The node; in a cluster the one that is named.
Result<messaging::Client> connect_to_drained(const Session& session, const std::string& node) {
  if (node.empty()) {
    return session.connect();
  }
  messaging::Client client = TRY(session.connect_to_cluster("drain NODE"));
  client.set_target(node);
  return client;
}

Result<int> drain(Session& session, const DrainOptions& options) {
  if (options.move) {
    return move_away(session, options);
  }
  messaging::Client client = TRY(connect_to_drained(session, options.node));
  JobOptions job;
  job.stop_containers = options.stop;
  const NodeJob done = TRY(run_node_job(session, client, Verb::node_drain, job, options.flags));
  if (!done.result) {
    return failed_job(done.result.error(), session.interrupt.first());
  }
  const json::Value& stopping = done.result->at("stopping");
  const std::int64_t asked =
      stopping.array() == nullptr ? 0 : static_cast<std::int64_t>(stopping.array()->size());
  const std::int64_t stopped =
      asked == 0 ? 0 : TRY(wait_for_stops(session, client, stopping, options.flags.quiet));
  const std::int64_t since = done.before.at("drained").at("since").integer_or(0);
  const std::string stops =
      asked == stopped ? counted(stopped, "container") + " stopped"
                       : fmt::format("{} of {} stopped", stopped, counted(asked, "container"));
  fmt::print(
      "{} {}{}{}\n", printable(done.before.at("node").string_or("")),
      since == 0 ? "takes no new containers" : "takes no new containers since " + to_rfc3339(since),
      options.stop ? "; " + stops : "", TRY(waiting_text(session, client)));
  return stopped == asked ? kDone : kFailed;
}

Result<int> undrain(Session& session, const DrainOptions& options) {
  messaging::Client client = TRY(connect_to_drained(session, options.node));
  const NodeJob done = TRY(run_node_job(session, client, Verb::node_undrain, {}, options.flags));
  if (!done.result) {
    return failed_job(done.result.error(), session.interrupt.first());
  }
  const bool was_drained = done.before.at("drained").object() != nullptr;
  fmt::print("{} {}{}\n", printable(done.before.at("node").string_or("")),
             was_drained ? "takes containers again" : "was not drained: it takes containers",
             TRY(waiting_text(session, client)));
  return kDone;
}

}  // namespace

void add_drain(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("drain", "Let the node take no new containers until it is undrained");
  const auto options = std::make_shared<DrainOptions>();
  CLI::Option* stop = command->add_flag("--stop", options->stop,
                                        "Also stop the containers it has, and wait for their end");
  command->add_option("NODE", options->node, "In a cluster, which node");
  command
      ->add_flag("--move", options->move,
                 "In a cluster, also make anew on other nodes what may be moved")
      ->excludes(stop);
  add_job_flags(*command, options->flags);
  command->footer(kExitStatus);
  command->callback([&action, options] {
    action = [options](Session& session) { return drain(session, *options); };
  });
}

void add_undrain(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand(
      "undrain", "Let a drained node take containers again; those that wait in backoff start");
  const auto options = std::make_shared<DrainOptions>();
  command->add_option("NODE", options->node, "In a cluster, which node");
  add_job_flags(*command, options->flags);
  command->footer(kExitStatus);
  command->callback([&action, options] {
    action = [options](Session& session) { return undrain(session, *options); };
  });
}

}  // namespace drover::cli
