// drover nodes, drover where: what a cluster's dispatcher knows of its nodes, and of what is where.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <memory>

#include "agent/cli/command.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/text.h"

namespace drover::cli {
namespace {

std::string labels_text(const json::Value& labels) {
  std::string text;
  if (const json::Object* members = labels.object()) {
    for (const auto& [key, value] : *members) {
      text += fmt::format("{}{}={}", text.empty() ? "" : ",", key, value.string_or(""));
    }
  }
  return text.empty() ? "-" : text;
}

/// "1.5/8", of what is given and what there is; "-" when it is not told.
std::string share(const json::Value& node, std::string_view of) {
  const double total = node.at("total").at(of).number();
  return total == 0 ? "-" : fmt::format("{}/{}", node.at("reserved").at(of).number(), total);
}

/// "dead since 14:03:05, drained".
std::string state_of(const json::Value& node, std::int64_t now) {
  std::string text(node.at("liveness").string_or("unknown"));
  const std::int64_t since = node.at("since_unix_ms").integer_or(0);
  if (text != "alive" && since != 0) {
    text += " since " + short_time(since, now);
  }
  if (node.at("drained").boolean_or(false)) {
    text += ", drained";
  }
  if (!node.at("quorate").boolean_or(true)) {
    text += ", no quorum";
  }
  return text;
}

struct NodesOptions {
  bool json = false;
  bool names_only = false;
};

Result<int> show_nodes(Session& session, const NodesOptions& options) {
  messaging::Client client = TRY(session.connect_to_cluster("nodes"));
  const json::Value answer = TRY(client.known("nodes", session.interrupt.first()));
  const json::Array none;
  const json::Value& nodes = answer.at("nodes");
  if (options.json) {
    fmt::print("{}\n", json::write_pretty(nodes));
    return kDone;
  }
  const std::int64_t now = system::SystemClock().unix_ms();
  std::vector<std::vector<std::string>> rows = {
      {"NODE", "STATE", "CPUS", "MEMORY MIB", "CONTAINERS", "JOBS", "LABELS"}};
  for (const json::Value& node : nodes.array() == nullptr ? none : *nodes.array()) {
    if (options.names_only) {
      fmt::print("{}\n", printable(node.at("name").string_or("")));
      continue;
    }
    rows.push_back(
        {std::string(node.at("name").string_or("")), state_of(node, now), share(node, "cpus"),
         share(node, "memory_mib"), fmt::format("{}", node.at("containers").integer_or(0)),
         fmt::format("{}", node.at("jobs").integer_or(0)), labels_text(node.at("labels"))});
  }
  if (!options.names_only) {
    fmt::print("{}", table(rows));
  }
  return kDone;
}

struct WhereOptions {
  std::string id;
  bool json = false;
};

Result<int> show_where(Session& session, const WhereOptions& options) {
  messaging::Client client = TRY(session.connect_to_cluster("where"));
  const json::Value answer = TRY(client.where(options.id, session.interrupt.first()));
  const json::Array none;
  const json::Value& value = answer.at("places");
  const json::Array& places = value.array() == nullptr ? none : *value.array();
  if (options.json) {
    fmt::print("{}\n", json::write_pretty(places));
    return places.empty() ? kFailed : kDone;
  }
  if (places.empty()) {
    return fail(Code::not_found, "{}: no node has a container or a job of that name", options.id);
  }
  std::vector<std::vector<std::string>> rows = {{"NODE", "KIND", "STATE"}};
  for (const json::Value& place : places) {
    const std::string state(place.at("state").string_or(""));
    const bool is_lost = place.at("unreachable").boolean_or(false);
    rows.push_back({std::string(place.at("node").string_or("")),
                    std::string(place.at("kind").string_or("")),
                    is_lost ? fmt::format("unreachable (was {})", state) : state});
  }
  fmt::print("{}", table(rows));
  return kDone;
}

}  // namespace

void add_nodes(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("nodes", "List the nodes of a cluster, as its dispatcher knows them");
  const auto options = std::make_shared<NodesOptions>();
  command->add_flag("--json", options->json, "As a JSON array");
  command->add_flag("-q,--quiet", options->names_only, "Names only");
  command->footer(kExitStatus);
  command->callback([&action, options] {
    action = [options](Session& session) { return show_nodes(session, *options); };
  });
}

void add_where(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("where", "Show on which nodes of a cluster a container or a job is");
  const auto options = std::make_shared<WhereOptions>();
  command->add_option("ID", options->id, "The container's name, or the job's id")->required();
  command->add_flag("--json", options->json, "As a JSON array");
  command->footer(kExitStatus);
  command->callback([&action, options] {
    action = [options](Session& session) { return show_where(session, *options); };
  });
}

}  // namespace drover::cli
