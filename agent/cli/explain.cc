// drover explain: which runtime a name gets, and why; of a spec, what each runtime would get.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <memory>

#include "agent/cli/command.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/own_words.h"
#include "agent/cli/run_options.h"
#include "agent/cli/text.h"
#include "agent/core/verb.h"

namespace drover::cli {
namespace {

/// Of a spec without a name, to which no rule of the node fits by chance.
constexpr const char* kAnyName = "any-name";

struct ExplainOptions {
  RunOptions spec;
  bool json = false;
};

std::string routing_text(const json::Value& answer) {
  const std::string_view program = answer.at("program").string_or("");
  const json::Value& rule = answer.at("rule");
  const std::string why =
      rule.string() != nullptr ? "the spec's own wish"
      : rule.object() == nullptr
          ? "the node's default: no rule matches the name"
          : fmt::format("/runtime/rules/{} of the configuration: pattern \"{}\"",
                        rule.at("index").integer_or(0), rule.at("pattern").string_or(""));
  return fmt::format("{} gets runtime {}{}\nby {}\n", answer.at("name").string_or(""),
                     answer.at("runtime").string_or("unknown"),
                     program.empty() ? "" : fmt::format(" ({})", program), why);
}

std::string refusal_text(const json::Value& refusal) {
  const std::string_view pointer = refusal.at("pointer").string_or("");
  constexpr std::string_view kSpec = "/spec";
  const std::string_view member = pointer.substr(std::min(kSpec.size(), pointer.size()));
  const std::string message = in_own_words(std::string(refusal.at("message").string_or("")));
  return fmt::format("  {}{}\n", member.empty() ? "" : fmt::format("{}: ", member.substr(1)),
                     message);
}

std::string config_text(const json::Value& view) {
  if (const std::string_view why = view.at("no_config").string_or(""); !why.empty()) {
    return fmt::format("  what it would be given cannot be told: {}\n",
                       in_own_words(std::string(why)));
  }
  const json::Value& config = view.at("config");
  if (config.object() == nullptr) {
    return "";
  }
  const json::Value& content = config.at("content");
  const std::string text =
      content.string() != nullptr ? *content.string() : json::write_pretty(content) + "\n";
  return fmt::format("\n{}:\n{}", config.at("form").string_or(""), text);
}

/// Fails where the runtime that it would get refuses it.
int code_of_spec(const json::Value& answer) {
  const json::Array* runtimes = answer.at("runtimes").array();
  const bool refused =
      runtimes != nullptr &&
      std::any_of(runtimes->begin(), runtimes->end(), [&answer](const json::Value& view) {
        return view.at("runtime") == answer.at("runtime") && !view.at("accepted").boolean_or(false);
      });
  return refused ? kFailed : kDone;
}

void show_spec(const json::Value& answer) {
  std::string text = routing_text(answer);
  if (const json::Array* runtimes = answer.at("runtimes").array()) {
    for (const json::Value& view : *runtimes) {
      const bool accepted = view.at("accepted").boolean_or(false);
      text += fmt::format("\n{}: {}\n", view.at("runtime").string_or(""),
                          accepted ? "accepted" : "refused");
      if (const json::Array* refusals = view.at("refusals").array()) {
        for (const json::Value& refusal : *refusals) {
          text += refusal_text(refusal);
        }
      }
      if (const std::string_view why = view.at("no_checkpoints").string_or(""); !why.empty()) {
        text += fmt::format("  no checkpoints: {}\n", why);
      }
      text += config_text(view);
    }
  }
  fmt::print("{}", printable(text));
}

Result<json::Value> ask_node(Session& session, const ExplainOptions& options,
                             const ContainerSpec& spec) {
  const bool is_there = spec == ContainerSpec();
  messaging::Client client =
      TRY(is_there ? session.connect_to(options.spec.name) : session.connect());
  const system::Stop& stop = session.interrupt.first();
  if (is_there) {
    return client.explain(options.spec.name, stop);
  }
  json::Object question{{"name", options.spec.name.empty() ? kAnyName : options.spec.name},
                        {"spec", to_json(spec)}};
  if (!options.spec.runtime.empty()) {
    question.set("config_of", options.spec.runtime);
  }
  return client.query("query.explain", json::Value(std::move(question)), stop);
}

Result<int> show_explain(Session& session, const ExplainOptions& options) {
  if (!options.spec.name.empty()) {
    if (const Result<> checked = check_target(TargetKind::container, options.spec.name); !checked) {
      return wrong_usage(checked.error());
    }
  }
  const Result<JobRequest> request = run_request(options.spec);
  if (!request) {
    return wrong_usage(request.error());
  }
  const ContainerSpec& spec = *request->spec;
  if (options.spec.name.empty() && spec == ContainerSpec()) {
    return wrong_usage(Error{
        Code::invalid, "NAME is required, or a spec: --spec FILE, or the options of run", {}});
  }
  const json::Value answer = TRY(ask_node(session, options, spec));
  if (options.json) {
    fmt::print("{}\n", json::write_pretty(answer));
  } else if (answer.find("runtimes") != nullptr) {
    show_spec(answer);
  } else {
    fmt::print("{}", printable(routing_text(answer)));
  }
  return code_of_spec(answer);
}

}  // namespace

void add_explain(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand(
      "explain",
      "Tell which runtime a container of this name gets, and what of a spec cannot be had");
  const auto options = std::make_shared<ExplainOptions>();
  command->add_option("NAME", options->spec.name, "A container's name; it need not exist");
  command->add_flag("--json", options->json, "As JSON");
  command->add_option("--spec", options->spec.file, "A spec, as run --file takes it")
      ->type_name("SPEC.json")
      ->check(CLI::ExistingFile);
  add_container_options(*command, options->spec);
  command->positionals_at_end(false);  // the name may stand anywhere; a program behind "--"
  command->footer(
      "With a spec, by --spec or by the options of `drover run`: what each runtime of the node\n"
      "refuses of it, all of it, by the runtime, the node's policy and the node itself; with\n"
      "--runtime also what that one would be given. Nothing is made, and no image is fetched.\n"
      "A program stands behind a NAME: drover explain NAME --image IMAGE -- sh -c 'exit 7'\n\n"
      "Exit status:\n"
      "  0 done, 1 the runtime that it would get refuses the spec, or the node the question,\n"
      "  2 wrong usage, 125 drover could not reach the node, 130 interrupted\n");
  command->callback([&action, options] {
    action = [options](Session& session) { return show_explain(session, *options); };
  });
}

}  // namespace drover::cli
