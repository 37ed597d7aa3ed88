#include "agent/cli/placement_options.h"

#include <CLI/App.hpp>

#include "messaging/dispatch/needs_of_spec.h"

namespace drover::cli {
namespace {

void set_neighbours(json::Object& needs, const char* key, const std::string& labels, bool must) {
  if (labels.empty()) {
    return;
  }
  json::Object neighbours{{"labels", labels}};
  if (must) {
    neighbours.set("must", true);
  }
  needs.set(key, std::move(neighbours));
}

}  // namespace

void add_placement_options(CLI::App& command, PlacementOptions& options) {
  command
      .add_option("--strategy", options.strategy,
                  "In a cluster, which of the nodes that fit: hash, spread, binpack or affinity")
      ->check(CLI::IsMember({"hash", "spread", "binpack", "affinity"}))
      ->type_name("STRATEGY");
  command
      .add_option("--needs-label", options.labels,
                  "In a cluster, only a node whose labels fit, as role=web and not zone=b")
      ->type_name("EXPRESSION");
  CLI::Option* near = command
                          .add_option("--near", options.near,
                                      "In a cluster, rather where containers of such labels are")
                          ->type_name("EXPRESSION");
  CLI::Option* apart =
      command.add_option("--apart", options.apart, "In a cluster, rather where none of them is")
          ->type_name("EXPRESSION");
  command.add_flag("--must-near", options.must_near, "And nowhere else than --near says")
      ->needs(near);
  command.add_flag("--must-apart", options.must_apart, "And nowhere else than --apart says")
      ->needs(apart);
}

Result<json::Object> needs_of(const PlacementOptions& options, const ContainerSpec& spec) {
  json::Value value = to_json(dispatch::needs_of(spec));
  json::Object& needs = *value.object();
  needs.erase("strategy");  // it follows from what is preferred
  if (!options.strategy.empty()) {
    needs.set("strategy", options.strategy);
  }
  if (!options.labels.empty()) {
    needs.set("labels", options.labels);
  }
  set_neighbours(needs, "near", options.near, options.must_near);
  set_neighbours(needs, "apart", options.apart, options.must_apart);
  TRY(dispatch::read_job_needs(value));
  return needs;
}

}  // namespace drover::cli
