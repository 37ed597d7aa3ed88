#include "agent/cli/thing_list.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <memory>

#include "agent/cli/exit_code.h"
#include "agent/cli/text.h"

namespace drover::cli {
namespace {

struct ListOptions {
  bool json = false;
  bool names_only = false;
};

Result<int> show_list_of(Session& session, const ThingList& list, const ListOptions& options) {
  messaging::Client client = TRY(session.connect());
  const json::Value answer = TRY(client.all(list.things, session.interrupt.first()));
  const json::Value& things = answer.at(list.things);
  if (options.json) {
    fmt::print("{}\n", json::write_pretty(things));
    return kDone;
  }
  const json::Array none;
  std::vector<std::vector<std::string>> rows = {list.heading};
  for (const json::Value& thing : things.array() == nullptr ? none : *things.array()) {
    if (options.names_only) {
      fmt::print("{}\n", printable(thing.at("name").string_or("")));
    } else {
      rows.push_back(list.cells(thing));
    }
  }
  if (!options.names_only) {
    fmt::print("{}", table(rows));
  }
  return kDone;
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
