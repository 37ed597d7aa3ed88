// drover explain: which runtime a name gets, and why.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <memory>

#include "agent/cli/command.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/text.h"
#include "agent/core/verb.h"

namespace drover::cli {
namespace {

struct ExplainOptions {
  std::string name;
  bool json = false;
};

Result<int> show_explain(Session& session, const ExplainOptions& options) {
  if (const Result<> checked = check_target(TargetKind::container, options.name); !checked) {
    return wrong_usage(checked.error());
  }
  messaging::Client client = TRY(session.connect());
  const json::Value answer = TRY(client.explain(options.name, session.interrupt.first()));
  if (options.json) {
    fmt::print("{}\n", json::write_pretty(answer));
    return kDone;
  }
  const std::string_view program = answer.at("program").string_or("");
  const json::Value& rule = answer.at("rule");
  const std::string why =
      rule.object() == nullptr
          ? "the node's default: no rule matches the name"
          : fmt::format("/runtime/rules/{} of the configuration: pattern \"{}\"",
                        rule.at("index").integer_or(0), rule.at("pattern").string_or(""));
  fmt::print("{}",
             printable(fmt::format("{} gets runtime {}{}\nby {}\n", options.name,
                                   answer.at("runtime").string_or("unknown"),
                                   program.empty() ? "" : fmt::format(" ({})", program), why)));
  return kDone;
}

}  // namespace

void add_explain(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("explain", "Tell which runtime a container of this name gets, and why");
  const auto options = std::make_shared<ExplainOptions>();
  command->add_option("NAME", options->name, "A container's name; it need not exist")->required();
  command->add_flag("--json", options->json, "As JSON");
  command->footer(kExitStatus);
  command->callback([&action, options] {
    action = [options](Session& session) { return show_explain(session, *options); };
  });
}

}  // namespace drover::cli
