#include "agent/cli/node_answers.h"

#include "agent/cli/exit_code.h"

namespace drover::cli {
namespace {

json::Value with_node(const std::string& node, const json::Value& thing) {
  json::Object all{{"node", node}};
  if (const json::Object* members = thing.object()) {
    for (const auto& [key, value] : *members) {
      all.set(key, value);
    }
  }
  return all;
}

}  // namespace

OfNodes put_together(const messaging::NodeAnswers& answers, const std::string& things) {
  OfNodes all;
  for (const std::string& name : answers.unknown) {
    print_error(Error{Code::not_found, fmt::format("{}: no node is called so", name), {}});
    all.whole = false;
  }
  for (const auto& [node, answer] : answers.answers) {
    if (!answer) {
      const Code code = answer.error().code;
      if (code == Code::unavailable || code == Code::timed_out) {
        all.silent.push_back(node);
      }
      all.whole = false;
      print_error(Error(answer.error()).context("node " + node));
      continue;
    }
    if (const json::Array* list = answer->body.at(things).array()) {
      for (const json::Value& thing : *list) {
        all.things.push_back(with_node(node, thing));
      }
    }
  }
  return all;
}

}  // namespace drover::cli
