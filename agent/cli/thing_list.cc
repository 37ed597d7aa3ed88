#include "agent/cli/thing_list.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <memory>

#include "agent/cli/exit_code.h"
#include "agent/cli/node_answers.h"
#include "agent/cli/text.h"

namespace drover::cli {
namespace {

struct ListOptions {
  bool json = false;
  bool names_only = false;
};

/// Of the node, or of those nodes of a cluster that --to means.
Result<json::Array> things_of(Session& session, const std::string& things, bool& whole) {
  const system::Stop& stop = session.interrupt.first();
  if (session.is_cluster()) {
    messaging::Client nodes = TRY(session.connect_to_nodes("all"));
    const messaging::NodeAnswers answers = TRY(nodes.all_of_nodes(things, stop));
    OfNodes answered = put_together(answers, things);
    whole = answered.whole;
    return std::move(answered.things);
  }
  messaging::Client client = TRY(session.connect());
  const json::Value answer = TRY(client.all(things, stop));
  const json::Array* all = answer.at(things).array();
  return all == nullptr ? json::Array() : *all;
}

Result<int> show_list_of(Session& session, const ThingList& list, const ListOptions& options) {
  bool whole = true;
  const json::Array things = TRY(things_of(session, list.things, whole));
  const int code = whole ? kDone : kFailed;
  if (options.json) {
    fmt::print("{}\n", json::write_pretty(things));
    return code;
  }
  std::vector<std::vector<std::string>> rows = {list.heading};
  if (session.is_cluster()) {
    rows.front().insert(rows.front().begin(), "NODE");
  }
  for (const json::Value& thing : things) {
    if (options.names_only) {
      fmt::print("{}\n", printable(thing.at("name").string_or("")));
      continue;
    }
    rows.push_back(list.cells(thing));
    if (session.is_cluster()) {
      rows.back().insert(rows.back().begin(), std::string(thing.at("node").string_or("")));
    }
  }
  if (!options.names_only) {
    fmt::print("{}", table(rows));
  }
  return code;
}

}  // namespace

std::string joined(const json::Value& names) {
  std::string text;
  if (const json::Array* array = names.array()) {
    for (const json::Value& name : *array) {
      text += (text.empty() ? "" : ", ") + std::string(name.string_or(""));
    }
  }
  return text.empty() ? "-" : text;
}

void add_list(CLI::App& group, Action& action, const std::string& about, ThingList list,
              const std::string& name) {
  CLI::App* command = group.add_subcommand(name, about);
  const auto options = std::make_shared<ListOptions>();
  command->add_flag("--json", options->json, "As a JSON array");
  command->add_flag("-q,--quiet", options->names_only, "Names only");
  command->footer(kExitStatus);
  command->callback([&action, options, list = std::move(list)] {
    action = [options, list](Session& session) { return show_list_of(session, list, *options); };
  });
}

}  // namespace drover::cli
