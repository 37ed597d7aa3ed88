// drover port-forward: local ports that lead to a program in a container.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <cstdio>
#include <memory>
#include <optional>

#include "agent/cli/command.h"
#include "agent/cli/exit_code.h"
#include "agent/core/ids.h"
#include "messaging/client/port_forwarder.h"

namespace drover::cli {
namespace {

struct ForwardOptions {
  std::string name;
  std::vector<std::string> ports;
};

struct ForwardedPort {
  std::uint16_t local = 0;  ///< 0: any that is free
  std::uint16_t inner = 0;
};

std::optional<std::uint16_t> read_port(std::string_view text, int least) {
  int port = 0;
  for (const char c : text) {
    if (c < '0' || c > '9' || port > UINT16_MAX) {
      return std::nullopt;
    }
    port = port * 10 + (c - '0');
  }
  return text.empty() || port < least || port > UINT16_MAX
             ? std::nullopt
             : std::optional(static_cast<std::uint16_t>(port));
}

/// "[LOCAL:]PORT"; ":PORT" is any local one.
Result<ForwardedPort> read_ports(const std::string& text) {
  const std::size_t colon = text.find(':');
  const std::string inner = colon == std::string::npos ? text : text.substr(colon + 1);
  const std::string outer = colon == std::string::npos ? text : text.substr(0, colon);
  const std::optional<std::uint16_t> to = read_port(inner, 1);
  const std::optional<std::uint16_t> from =
      outer.empty() ? std::optional<std::uint16_t>(0) : read_port(outer, 0);
  if (!to || !from) {
    return fail(Code::invalid,
                "\"{}\" names no ports: PORT of the program, or LOCAL:PORT, numbers of 1 to 65535; "
                "LOCAL 0 is any that is free",
                text);
  }
  return ForwardedPort{*from, *to};
}

Result<int> forward(Session& session, const ForwardOptions& options) {
  if (const Result<> name = ContainerNameKind::check(options.name); !name) {
    return wrong_usage(name.error());
  }
  std::vector<ForwardedPort> ports;
  for (const std::string& text : options.ports) {
    const Result<ForwardedPort> port = read_ports(text);
    if (!port) {
      return wrong_usage(port.error());
    }
    ports.push_back(*port);
  }
  const system::Stop& stop = session.interrupt.first();
  messaging::Client client = TRY(session.connect());
  TRY(client.container(options.name, stop));
  messaging::PortForwarder forwarder(client, options.name);
  for (const ForwardedPort& port : ports) {
    const std::uint16_t local = TRY(forwarder.listen(port.local, port.inner));
    fmt::print("127.0.0.1:{} leads to port {} in {}\n", local, port.inner, options.name);
  }
  std::fflush(stdout);
  const Result<> ended = forwarder.run(
      stop, [](const std::string& why) { fmt::print(stderr, "drover: connection: {}\n", why); });
  return quiet_when_interrupted(ended ? Result<int>(kDone) : Failure(ended.error()), stop);
}

}  // namespace

void add_port_forward(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand(
      "port-forward", "Have local TCP ports lead to a program in a container, until Ctrl-C");
  const auto options = std::make_shared<ForwardOptions>();
  command->add_option("NAME", options->name, "The container")->required();
  command
      ->add_option(
          "PORT", options->ports,
          "[LOCAL:]PORT: of the program, on loopback inside, and of 127.0.0.1 here (0: any "
          "that is free)")
      ->required();
  command->footer(
      fmt::format("The container's network need not be reachable from here. Connections end with "
                  "the container, and with the node's agent; later ones work again.\n\n"
                  "Examples:\n"
                  "  drover port-forward web 8080:80\n"
                  "  drover port-forward db 0:5432\n\n{}",
                  kExitStatus));
  command->callback([&action, options] {
    action = [options](Session& session) { return forward(session, *options); };
  });
}

}  // namespace drover::cli
