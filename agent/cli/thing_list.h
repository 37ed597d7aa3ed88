// Lists of what a node has besides containers, as tables.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "agent/cli/command.h"

namespace drover::cli {

struct ThingList {
  std::string things;                ///< "images": the query's and the answer's name for them
  std::vector<std::string> heading;  ///< the first column is the name
  std::function<std::vector<std::string>(const json::Value& thing)> cells;
};

/// Adds "ls", or what `name` says, to `group`: the list as a table, with --json as JSON, with
/// --quiet names only.
void add_list(CLI::App& group, Action& action, const std::string& about, ThingList list,
              const std::string& name = "ls");

/// The names of an array joined for one cell; "-" for none.
std::string joined(const json::Value& names);

}  // namespace drover::cli
