// drover run, drover create: make a container; run starts it, and waits for it when asked to.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <utility>

#include "agent/cli/attachment.h"
#include "agent/cli/command.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/job_run.h"
#include "agent/cli/job_watch.h"
#include "agent/cli/run_options.h"
#include "agent/cli/run_wait.h"

namespace drover::cli {
namespace {

/// Its exit code once it has ended; none when it was left running.
Result<std::optional<int>> follow_container(Session& session, messaging::Client& client,
                                            messaging::Subscription& events,
                                            const RunOptions& options, const std::string& name) {
  if (!options.input.input && !options.input.terminal) {
    return std::optional(TRY(wait_for_container(session, client, events, name)));
  }
  AttachOptions attachment{.name = name,
                           .input = options.input.input,
                           .terminal = options.input.terminal,
                           .keys = TRY(DetachKeys::parse(options.input.detach_keys)),
                           .on_interrupt = AttachOptions::OnInterrupt::stop};
  return attach(session, client, events, attachment);
}

/// An error here is one of ours or of the node, and never the container's.
Result<int> run_container(Session& session, const RunOptions& options, const JobRequest& request) {
  messaging::Client client = TRY(session.connect_to_nodes("any"));
  if (client.is_cluster()) {
    json::Object needs = TRY(needs_of(options.placement, *request.spec));
    client.set_needs(std::move(needs));
    if (client.target() != "any" && !names_one_node(client.target())) {
      return run_on_nodes(session, client, request, options.flags.quiet);
    }
  }
  JobWatch watch = TRY(JobWatch::submit(session, client, request, options.flags.quiet));
  const json::Value job = TRY(watch.wait());
  if (const Result<> outcome = outcome_of(job); !outcome) {
    return failed_job(outcome.error(), session.interrupt.first(),
                      options.follows() ? kOwnFailure : kFailed);
  }
  if (!options.follows()) {
    fmt::print("{}\n", request.target);
    return kDone;
  }
  Result<std::optional<int>> code =
      follow_container(session, client, watch.events(), options, request.target);
  if (code && !*code) {
    fmt::print(stderr, "drover: detached; {} runs on\n", request.target);
    return kDone;
  }
  // It has ended also when its exit code is not known.
  if (options.remove && (code || code.error().code == Code::broken)) {
    TRY(remove_container(session, client, request.target));
  }
  return TRY(std::move(code)).value_or(kDone);
}

Result<> check_placement(const Session& session, const RunOptions& options,
                         const JobRequest& request) {
  const std::string& target = session.node.target();
  if (!session.is_cluster() && options.placement != PlacementOptions()) {
    return fail(Code::invalid,
                "--strategy, --needs-label, --near and --apart choose among a cluster's nodes; "
                "--cluster is missing");
  }
  if (options.follows() && !target.empty() && target != "any" && !names_one_node(target)) {
    return fail(Code::invalid, "--to {}: --wait, -i and -t follow one container, of one node",
                target);
  }
  TRY(needs_of(options.placement, *request.spec));
  return {};
}

int run(Session& session, const RunOptions& options) {
  const Result<JobRequest> request = run_request(options);
  if (!request) {
    return wrong_usage(request.error(), options.verb == Verb::container_run ? kOwnFailure : kUsage);
  }
  if (const Result<> placed = check_placement(session, options, *request); !placed) {
    return wrong_usage(placed.error(), options.verb == Verb::container_run ? kOwnFailure : kUsage);
  }
  const Result<int> code = run_container(session, options, *request);
  if (code) {
    return *code;
  }
  print_error(code.error());
  return options.follows() ? exit_code_beside_program(code.error()) : exit_code_of(code.error());
}

}  // namespace

void add_run(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("run", "Make a container and start it");
  const auto options = std::make_shared<RunOptions>();
  add_container_options(*command, *options);
  add_wait_options(*command, *options);
  add_placement_options(*command, options->placement);
  command->footer(
      "Shows each step on standard error. Prints the container's name when it runs; with\n"
      "--wait, -i or -t prints what the container prints instead, until it has ended.\n\n"
      "Ctrl-C cancels the job, which undoes what it has done; with the container running and\n"
      "followed it stops the container. Ctrl-C again leaves at once. With -i and -t it is a key\n"
      "that the container is sent.\n\n"
      "Examples:\n"
      "  drover run --image oci:/srv/images/busybox:1 --wait --rm -- sh -c 'exit 7'\n"
      "  drover run --image oci:/srv/images/busybox:1 -it --rm -- sh\n"
      "  drover run --name web-1 --runtime crun --volume data:/data:1G:local-lvm \\\n"
      "      --network eth0=vmbr0,address=192.0.2.10/24 -- /usr/sbin/nginx -g 'daemon off;'\n\n"
      "Exit status:\n"
      "  0 it runs, 1 the node refused it or the job failed, 124 the job's deadline passed,\n"
      "  125 wrong usage, or drover could not reach the node, 130 interrupted.\n"
      "  With --wait, -i or -t the container's own, 128 + N when signal N ended it; 125 when it "
      "did not\n"
      "  run or its exit code is not known.\n");
  command->callback([&action, options] {
    action = [options](Session& session) -> Result<int> { return run(session, *options); };
  });
}

void add_create(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("create", "Make a container that `drover start` starts later");
  const auto options = std::make_shared<RunOptions>();
  options->verb = Verb::container_create;
  add_container_options(*command, *options);
  add_placement_options(*command, options->placement);
  command->footer(kExitStatus);
  command->callback([&action, options] {
    action = [options](Session& session) -> Result<int> { return run(session, *options); };
  });
}

}  // namespace drover::cli
