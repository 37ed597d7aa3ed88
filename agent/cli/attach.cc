// drover attach: a running container's output from now on, and its input.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <cstdio>
#include <memory>
#include <utility>

#include "agent/cli/attachment.h"
#include "agent/cli/command.h"
#include "agent/cli/exit_code.h"
#include "agent/core/container_status.h"
#include "agent/core/verb.h"

namespace drover::cli {
namespace {

struct Attach {
  std::string name;
  bool no_input = false;
  bool no_signals = false;
  std::string detach_keys = DetachKeys::kUsual;
};

/// What of it the container can have.
Result<AttachOptions> options_for(const Attach& attach, DetachKeys keys,
                                  const json::Value& container) {
  const std::string_view status = container.at("status").string_or("");
  if (status != to_string(Status::running) && status != to_string(Status::paused)) {
    return fail(Code::conflict,
                "attach {}: it is {}; `drover logs {}` prints what there is of its output",
                attach.name, status, attach.name);
  }
  AttachOptions options{.name = attach.name, .keys = std::move(keys), .from_now = true};
  const json::Value& spec = container.at("spec");
  const bool reads = spec.at("stdin").boolean_or(false);
  options.terminal = spec.at("terminal").boolean_or(spec.at("terminal").object() != nullptr);
  options.input = reads && !attach.no_input;
  options.on_interrupt =
      attach.no_signals ? AttachOptions::OnInterrupt::leave : AttachOptions::OnInterrupt::pass_on;
  if (!reads && !attach.no_input) {
    fmt::print(stderr, "drover: {} reads no input: it was made without --interactive\n",
               attach.name);
  }
  if (options.input && options.terminal && isatty(STDIN_FILENO) == 0) {
    return fail(Code::invalid,
                "attach {}: it has a terminal, and standard input is none that it could have; "
                "--no-stdin prints its output only",
                attach.name);
  }
  return options;
}

Result<int> run(Session& session, const Attach& attach, DetachKeys keys) {
  const system::Stop& stop = session.interrupt.first();
  messaging::Client client = TRY(session.connect_to(attach.name));
  messaging::Subscription events =
      TRY(messaging::Subscription::open(client, {.snapshot = {}}, stop));
  const json::Value container = TRY(client.container(attach.name, stop));
  const AttachOptions options = TRY(options_for(attach, std::move(keys), container));
  const std::optional<int> code = TRY(cli::attach(session, client, events, options));
  if (!code) {
    fmt::print(stderr, "drover: detached; {} runs on\n", attach.name);
  }
  return code.value_or(kDone);
}

int attach_container(Session& session, const Attach& attach) {
  Result<DetachKeys> keys = DetachKeys::parse(attach.detach_keys);
  const Result<> checked = check_target(TargetKind::container, attach.name);
  if (!keys || !checked) {
    return wrong_usage(keys ? checked.error() : keys.error(), kOwnFailure);
  }
  const Result<int> code = run(session, attach, std::move(*keys));
  if (code) {
    return *code;
  }
  if (code.error().code == Code::cancelled && session.interrupt.first().requested()) {
    return kInterrupted;
  }
  print_error(code.error());
  return exit_code_beside_program(code.error());
}

}  // namespace

void add_attach(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand(
      "attach", "Print what a container prints from now on, and give it our standard input");
  const auto attach = std::make_shared<Attach>();
  command->add_option("NAME", attach->name, "The container")->required();
  command->add_flag("--no-stdin", attach->no_input, "It is given nothing to read");
  command->add_flag("--no-signals", attach->no_signals, "Ctrl-C leaves it running");
  command
      ->add_option("--detach-keys", attach->detach_keys,
                   std::string("Typed where it has a terminal they leave it running (default: ") +
                       DetachKeys::kUsual + "); \"\" for none")
      ->type_name("KEYS");
  command->footer(
      "A container reads what it is given if it was made with --interactive, and has a terminal\n"
      "if it was made with --tty; Ctrl-C is a key then that it is sent. Without a terminal the\n"
      "first Ctrl-C sends the container SIGINT, and another one leaves it running.\n\n"
      "It ends when the container's program has ended, also if that is started again.\n\n"
      "Exit status:\n"
      "  The container's own, 128 + N when signal N ended it; 0 after the detach keys, 125 it "
      "does\n"
      "  not run or its exit code is not known, also for wrong usage, 130 interrupted\n");
  command->callback([&action, attach] {
    action = [attach](Session& session) -> Result<int> {
      return attach_container(session, *attach);
    };
  });
}

}  // namespace drover::cli
