// drover plan: which node of a cluster a container would come to, and why no other.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <memory>

#include "agent/cli/command.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/run_options.h"
#include "agent/cli/text.h"

namespace drover::cli {
namespace {

struct PlanOptions {
  RunOptions run;
  bool json = false;
};

void print_plan(const json::Value& plan) {
  std::vector<std::vector<std::string>> rows = {{"NODE", "FITS", "SCORE", "WHY NOT"}};
  const json::Array none;
  const json::Value& nodes = plan.at("nodes");
  for (const json::Value& node : nodes.array() == nullptr ? none : *nodes.array()) {
    const std::string name(node.at("node").string_or(""));
    const bool fits = node.at("fits").boolean_or(false);
    std::string why;
    if (const json::Array* reasons = node.at("why_not").array()) {
      for (const json::Value& reason : *reasons) {
        why += (why.empty() ? "" : "; ") + std::string(reason.string_or(""));
      }
    }
    const bool is_chosen = fits && name == plan.at("chosen").string_or("");
    rows.push_back({name,
                    is_chosen ? "chosen"
                    : fits    ? "yes"
                              : "no",
                    fits ? fmt::format("{}", node.at("score").integer_or(0)) : "-", why});
  }
  fmt::print("{}", table(rows));
  if (const std::int64_t more = plan.at("more").integer_or(0); more > 0) {
    fmt::print("and {} more that do not fit\n", more);
  }
}

Result<int> show_plan(Session& session, const PlanOptions& options) {
  const Result<JobRequest> request = run_request(options.run);
  if (!request) {
    return wrong_usage(request.error());
  }
  Result<json::Object> needs = needs_of(options.run.placement, *request->spec);
  if (!needs) {
    return wrong_usage(needs.error());
  }
  messaging::Client client = TRY(session.connect_to_cluster("plan"));
  const std::string& target = session.node.target();
  const json::Value plan = TRY(client.query("dispatch.plan",
                                            json::Object{{"job", request->id.str()},
                                                         {"to", target.empty() ? "any" : target},
                                                         {"needs", std::move(*needs)}},
                                            session.interrupt.first()));
  if (options.json) {
    fmt::print("{}\n", json::write_pretty(plan));
  } else {
    print_plan(plan);
  }
  return plan.at("chosen").string() == nullptr ? kFailed : kDone;
}

}  // namespace

void add_plan(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand(
      "plan", "Show to which node of a cluster a container would come, and why to no other");
  const auto options = std::make_shared<PlanOptions>();
  add_container_options(*command, options->run);
  add_placement_options(*command, options->run.placement);
  command->add_flag("--json", options->json, "As JSON");
  command->footer(
      "Takes what `drover run` takes, and makes nothing. By the strategy hash the choice is that "
      "of\n"
      "the job's id: with the same --id `drover run` comes to the same node.\n\n" +
      std::string(kExitStatus));
  command->callback([&action, options] {
    action = [options](Session& session) { return show_plan(session, *options); };
  });
}

}  // namespace drover::cli
